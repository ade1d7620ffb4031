"""Payloads into records, each unstorable one costing a sentence and nothing else."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from sync.runs import Phase
from sync.testio.payloads import Unstorable

Parsed = TypeVar("Parsed")


def parsed(parse: Callable[[object], Parsed], payloads: Iterable[object], recorded: Phase) -> list[Parsed]:
    records: list[Parsed] = []
    for payload in payloads:
        try:
            records.append(parse(payload))
        except Unstorable as refusal:
            recorded.problem(str(refusal))
    return records
