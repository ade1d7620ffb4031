"""Records a list no longer shows: each is asked for at its own address before anything is believed.

A list that is empty, cut or reordered proves nothing. A record is missing when its own address answers 404.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sync.pipeline.context import Context
from sync.runs import Phase
from sync.testio.errors import TestIOCancelled, TestIOError, TestIONotFound, TestIORefused, TestIOUnreadable

#: No more single questions than this per product and phase; what is left is asked at the next full sync.
MAX_QUESTIONS = 200

_CHUNK = 25


@dataclass(slots=True)
class Answers:
    """What single addresses said: the payloads of what is there, the ids of what is gone or answers 500."""

    found: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def ask_each(
    context: Context, recorded: Phase, kind: str, ids: Sequence[int], get: Callable[[int], dict[str, Any]]
) -> Iterator[Answers]:
    """Ask for every id by itself, in parallel; answers come in chunks so that each can be stored at once.

    Ids that cannot be read now are named in a problem. A refused token and a wish to stop end the questions.
    """
    remaining = iter(ids)
    while chunk := list(islice(remaining, _CHUNK)):
        context.check_stop()
        answers = Answers()
        futures = [(each, context.fetchers.submit(get, each)) for each in chunk]
        for each, future in futures:
            try:
                answers.found.append(future.result())
            except TestIONotFound:
                answers.gone.append(each)
            except (TestIORefused, TestIOCancelled):
                raise
            except TestIOUnreadable:
                answers.unreadable.append(each)
                recorded.problem(f"{kind} {each} cannot be read: TestIO answers 500 for it.")
            except TestIOError as error:
                recorded.problem(f"{kind} {each} could not be asked for: {error}")
        yield answers


def within_limit(recorded: Phase, kind: str, ids: Sequence[int]) -> Sequence[int]:
    """The ids that may be asked for in this run; the rest is announced."""
    if len(ids) > MAX_QUESTIONS:
        recorded.problem(
            f"{len(ids)} {kind} are stored but no longer listed. {MAX_QUESTIONS} of them were asked for one by one; "
            "the next full sync goes on with the rest."
        )
    return ids[:MAX_QUESTIONS]
