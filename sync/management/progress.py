"""A sync's progress for people: a moving display on a terminal, plain lines elsewhere. Standard error only."""

import sys
from threading import Lock
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from sync.models import Product, SyncPhase


def display(stream: TextIO | None = None) -> "Lines | Bars":
    """The display that suits where standard error goes."""
    stream = stream or sys.stderr
    return Bars(stream) if stream.isatty() else Lines(stream)


class Lines:
    """One line when a product's phase begins, and one when the product is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun: set[tuple[int, str]] = set()  # bugs and results go on side by side
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def products_found(self, products: list[Product]) -> None:
        self._say("1 product to sync" if len(products) == 1 else f"{len(products)} products to sync")

    def moved(self, product: Product, phase: SyncPhase) -> None:
        with self._lock:
            begins = (product.pk, phase.name) not in self._begun
            self._begun.add((product.pk, phase.name))
        if begins:
            self._say(f"{product}: {phase.get_name_display()}")

    def finished(self, product: Product, sentence: str) -> None:
        self._say(f"{product}: {sentence}")

    def _say(self, sentence: str) -> None:
        self._stream.write(f"{sentence}\n")


class Bars:
    """A line per product that moves, under one bar for all of them."""

    def __init__(self, stream: TextIO) -> None:
        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[what]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=stream),
        )
        self._overall = self._bars.add_task("Products", total=None, what="asking for the list")
        self._task_of: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def products_found(self, products: list[Product]) -> None:
        self._bars.update(self._overall, total=len(products), what="")
        for product in products:
            self._task_of[product.pk] = self._bars.add_task(str(product), total=None, what="waiting")

    def moved(self, product: Product, phase: SyncPhase) -> None:
        gaps = f", {phase.gaps} unreadable" if phase.gaps else ""
        self._bars.update(self._task_of[product.pk], what=f"{phase.get_name_display()}: {phase.seen}{gaps}")

    def finished(self, product: Product, sentence: str) -> None:
        self._bars.update(self._task_of[product.pk], total=1, completed=1, what=sentence)
        self._bars.advance(self._overall)
