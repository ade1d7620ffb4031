"""What a run did, product by product and phase by phase, as lines of a table; beside another run where one is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.urls import reverse

from reports.pages import cells, words
from reports.pages.tables import Cell, Column
from sync.models import SyncEvent, SyncPhase
from sync.models.status import Status
from testio_site.operating.syncs import runs

#: What is counted in each phase, as its row and as people call it.
COUNTS = {
    "seen": "Read", "created": "New", "updated": "Changed", "missing": "Gone", "gaps": "Gaps", "api_calls": "Calls",
}  # fmt: skip
COLUMNS = (
    Column("Phase"),
    Column("Outcome"),
    *(Column(label, is_number=True) for label in COUNTS.values()),
    Column("Took", is_number=True),
)
_ORDER = {name: number for number, name in enumerate(SyncPhase.Name)}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence a phase left behind. ``tone`` is bad where the phase failed of it."""

    where: str
    sentence: str
    tone: str


@dataclass(frozen=True, slots=True)
class Group:
    """The phases of one product, or those of no product; the cells of a line as in ``COLUMNS``."""

    title: str
    url: str
    lines: Sequence[Sequence[Cell]]

    @property
    def labelled_lines(self) -> list[list[tuple[Column, Cell]]]:
        return [list(zip(COLUMNS, line, strict=True)) for line in self.lines]


@dataclass(frozen=True, slots=True)
class Pair:
    """A phase now and in the other run; one of them may be missing, and ``either`` is one that is not."""

    either: SyncPhase
    now: SyncPhase | None
    before: SyncPhase | None


@dataclass(slots=True)
class Total:
    """A run's figures added up from its phases: as ``sync.runs`` does at its end, and while it goes on."""

    counts: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name, 0)

    def add(self, name: str, number: int) -> None:
        self.counts[name] = self[name] + number


def of_run(run: SyncEvent) -> list[SyncPhase]:
    """Its phases with their products. One statement."""
    rows = SyncPhase.objects.filter(event=run).select_related("product").defer("product__raw", "product__search")
    return sorted(rows, key=_place)


def total(phases: Iterable[SyncPhase]) -> Total:
    found = Total()
    for phase in phases:
        for name in COUNTS:
            found.add(name, getattr(phase, name))
            found.add(f"{phase.name}.{name}", getattr(phase, name))
    return found


def groups(phases: Sequence[SyncPhase], now: datetime, before: Sequence[SyncPhase] | None = None) -> list[Group]:
    """``before``: the phases of the run it is compared with."""
    pairs = sorted(_pairs(phases, before or ()), key=lambda pair: _place(pair.either))
    grouped = groupby(pairs, key=lambda pair: pair.either.product_id)
    return [_group(list(each), now, compared=before is not None) for _, each in grouped]


def said(phases: Iterable[SyncPhase], run: SyncEvent) -> list[Said]:
    """All warnings, and why phases failed where the run itself does not say so."""
    found = []
    for phase in phases:
        where = f"{_name(phase)}, {phase.get_name_display().lower()}"
        found += [Said(where, sentence, "warn") for sentence in phase.warnings]
        if phase.status == Status.FAILED and phase.error and phase.error not in run.error:
            found.append(Said(where, phase.error, "bad"))
    return found


def _pairs(phases: Iterable[SyncPhase], before: Iterable[SyncPhase]) -> list[Pair]:
    new, old = ({(each.product_id, each.name): each for each in rows} for rows in (phases, before))
    return [Pair(either, new.get(key), old.get(key)) for key, either in (old | new).items()]


def _place(phase: SyncPhase) -> tuple[Any, ...]:
    """The list of products first, then by the products' names."""
    return phase.product is not None, _name(phase).lower(), phase.product_id or 0, _ORDER[SyncPhase.Name(phase.name)]


def _name(phase: SyncPhase) -> str:
    return cells.product_name(phase.product) if phase.product else "List of products"


def _group(pairs: Sequence[Pair], now: datetime, *, compared: bool) -> Group:
    first = pairs[0].either
    url = reverse("reports:product", args=[first.product_id]) if first.product_id else ""
    return Group(_name(first), url, [_line(pair, now, compared=compared) for pair in pairs])


def _line(pair: Pair, now: datetime, *, compared: bool) -> list[Cell]:
    name = pair.either.get_name_display().capitalize()
    if pair.now is None:
        return [Cell(name), Cell("not this time", is_badge=True), *_of_before(pair.either)]
    phase, before = pair.now, pair.before
    note = "not in the other run" if compared and before is None else ""
    return [
        Cell(name, note=note),
        cells.run_status(phase.status),
        *(_count(phase, before, counted) for counted in COUNTS),
        Cell(words.duration(runs.seconds(phase, now)), note=_longer(phase, before, now)),
    ]


def _of_before(phase: SyncPhase) -> list[Cell]:
    """Nothing now, and what there was, as differences."""
    return [Cell(words.NONE, note=runs.signed(-getattr(phase, counted))) for counted in COUNTS] + [Cell(words.NONE)]


def _count(phase: SyncPhase, before: SyncPhase | None, counted: str) -> Cell:
    number = getattr(phase, counted)
    tone = "warn" if number and counted in ("gaps", "missing") else "" if number else "none"
    note = runs.signed(number - getattr(before, counted)) if before else ""
    return Cell(words.count(number), tone=tone, note=note)


def _longer(phase: SyncPhase, before: SyncPhase | None, now: datetime) -> str:
    return runs.signed_duration(runs.seconds(phase, now) - runs.seconds(before, now)) if before else ""
