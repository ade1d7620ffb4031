"""Payloads into records, each unstorable one costing a sentence and nothing else."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from sync.runs import Phase
from sync.testio.payloads import Unstorable

Parsed = TypeVar("Parsed")


def parsed(parse: Callable[[object], Parsed], payloads: Iterable[object], recorded: Phase) -> list[Parsed]:
    records, refusals = sorted_out(parse, payloads)
    for sentence in refusals:
        recorded.problem(sentence)
    return records


def sorted_out(parse: Callable[[object], Parsed], payloads: Iterable[object]) -> tuple[list[Parsed], list[str]]:
    """The records, and a sentence about each payload that is none; for threads that may not write to the phase."""
    records: list[Parsed] = []
    refusals: list[str] = []
    for payload in payloads:
        try:
            records.append(parse(payload))
        except Unstorable as refusal:
            refusals.append(str(refusal))
    return records, refusals
