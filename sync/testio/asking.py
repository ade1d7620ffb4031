"""Putting one question to TestIO until it is answered, or until asking again is no use. Knows no HTTP but its codes.

Three kinds of waiting, each of which ends early with TestIOCancelled when ``stop`` is set: for a slot of the
limiter, for the end of a pause that a 429 asked for (both the limiter's), and the back-off before a repetition,
whose schedule is stamina's and whose waiting is done here, because stamina's own cannot be interrupted.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import stamina
import stamina.instrumentation

from sync.testio import errors
from sync.testio.answers import decode
from sync.testio.errors import TestIOError, TestIOTooLarge, TestIOUnavailable, TestIOUnreadable

log = logging.getLogger(__name__)

# Stamina would tell every repetition through structlog, on standard output if nobody configured it. Our own line per
# call says as much.
stamina.instrumentation.set_on_retry_hooks(())

_dice = random.SystemRandom()


class Limiter(Protocol):
    """Who decides when a call may be made; shared by everyone who calls for one customer."""

    def slot(self) -> AbstractContextManager[None]:
        """Waits until a call may be made, and holds its place until the block ends."""

    def pause(self, seconds: float) -> None:
        """TestIO answered 429: nobody begins a call for so long."""


class Meter:
    """Counts calls, over any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0

    @property
    def calls(self) -> int:
        return self._calls

    def add(self) -> None:
        with self._lock:
            self._calls += 1


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we keep asking before we give up. Waits and spans are seconds."""

    attempts: int = 6  # 502, 503, 504, 524, dropped connections, broken bodies
    timeouts: int = 2  # a time-out has cost a minute and a half already
    first_wait: float = 0.2  # doubles from attempt to attempt, less up to half of it at random
    longest_wait: float = 10.0
    refused_for: float = 600.0  # 429 after 429: so long, however many
    default_pause: float = 5.0  # after a 429 without a usable Retry-After

    def tries(self, error: TestIOError, *, confirm: int, divisible: bool) -> int:
        """How many attempts in all a failure like this one is worth."""
        match error:
            case TestIOUnreadable():
                return confirm
            case TestIOTooLarge() if divisible or error.status in {413, 414}:
                return 1
            case TestIOTooLarge(status=None):
                return self.timeouts
            case TestIOUnavailable() if error.status != 429:
                return self.attempts
            case _:
                return 1


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    pause: float | None  # seconds asked for by Retry-After
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Question:
    """What is asked, and what became of it so far.

    ``confirm`` is how often in all a 500 is asked for before it is believed; ``divisible`` says that the caller would
    rather ask for less than wait for a repetition of what was too large; ``meters`` count each attempt.
    """

    path: str
    confirm: int
    divisible: bool
    meters: tuple[Meter, ...]
    patience: Patience
    failures: dict[type[TestIOError], int] = field(default_factory=dict)
    refusals: int = 0
    refused_since: float = math.inf

    def again(self, error: Exception) -> bool | float:
        """Stamina's back-off hook: False, or 0 for "yes, and I have seen to the waiting"."""
        if not isinstance(error, TestIOError):
            return False
        count = self.failures[type(error)] = self.failures.get(type(error), 0) + 1
        return 0.0 if count < self.patience.tries(error, confirm=self.confirm, divisible=self.divisible) else False

    def refused(self, asked_for: float | None) -> float:
        """After a 429: how many seconds everybody pauses. Raises TestIOUnavailable when it has gone on too long.

        A server that asks for next to nothing and refuses again is given longer and longer pauses all the same.
        """
        now = time.monotonic()
        self.refusals += 1
        self.refused_since = min(self.refused_since, now)
        if now - self.refused_since >= self.patience.refused_for:
            raise errors.for_status(429, self.path)
        own = min(0.05 * 2.0 ** min(self.refusals, 10), self.patience.longest_wait)
        return max(own, self.patience.default_pause if asked_for is None else asked_for)


class Asker:
    """Asks through ``send``, which makes one request and returns the reply, or the reason why there is none."""

    def __init__(
        self, send: Callable[[str], Reply | TestIOError], limiter: Limiter, stop: threading.Event, patience: Patience
    ) -> None:
        self._send = send
        self._limiter = limiter
        self._stop = stop
        self._patience = patience

    def ask(self, path: str, *, confirm: int, divisible: bool, meters: tuple[Meter, ...]) -> object:
        """The decoded answer, after as many attempts as each kind of failure is worth."""
        patience = self._patience
        question = Question(path, confirm, divisible, meters, patience)
        wait = 0.0
        for attempt in stamina.retry_context(
            on=question.again,
            attempts=None,  # counted per kind of failure in ``again``
            timeout=None,
            wait_initial=patience.first_wait,
            wait_max=patience.longest_wait,
            wait_jitter=0,  # ours follows
        ):
            with attempt:
                self._rest(wait, path)
                wait = attempt.next_wait * _dice.uniform(0.5, 1)
                return self._answer(question)
        raise AssertionError("stamina returns or raises")

    def _rest(self, seconds: float, path: str) -> None:
        if seconds and self._stop.wait(seconds):
            raise errors.cancelled(path)

    def _answer(self, question: Question) -> object:
        """The decoded answer; while TestIO says 429, everybody pauses and the question is put again."""
        while True:
            reply = self._exchange(question)
            if isinstance(reply, TestIOError):
                raise reply
            if reply.status != 429:
                return _content(reply, question.path)
            self._pause(question.refused(reply.pause), question.path)

    def _pause(self, seconds: float, path: str) -> None:
        log.debug("TestIO asks us to slow down (429 for %s): nobody calls for %.1f s", path, seconds)
        self._limiter.pause(seconds)
        if self._stop.is_set():
            raise errors.cancelled(path)

    def _exchange(self, question: Question) -> Reply | TestIOError:
        """One request, in a slot of the limiter."""
        with self._limiter.slot():
            for meter in question.meters:
                meter.add()
            started = time.monotonic()
            reply = self._send(question.path)
            milliseconds = (time.monotonic() - started) * 1000
        log.debug("GET %s: %s in %.0f ms", question.path, reply.status or "no answer", milliseconds)
        return reply


def _content(reply: Reply, path: str) -> object:
    if reply.status != 200:
        raise errors.for_status(reply.status, path)
    with suppress(ValueError):
        return decode(reply.body)
    # Not raised while the decoder's error is handled: that one holds the whole body.
    raise errors.not_json(path)
