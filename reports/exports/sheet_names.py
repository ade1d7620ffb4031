"""What the sheets of a workbook are called: Excel wants 1 to 31 characters, some not among them, each name once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reports.documents import Document

LONGEST = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
#: Excel keeps this one for itself.
_RESERVED = {"history"}


@dataclass(frozen=True, slots=True)
class SheetNames:
    """``summary`` is empty where there is nothing to sum up."""

    summary: str
    tables: list[str]
    about: str


def sheet_names(document: Document) -> SheetNames:
    summary = ["Summary"] if document.figures or document.charts else []
    names = distinct([*summary, *(table.title for table in document.tables), "About"])
    return SheetNames(names[0] if summary else "", names[len(summary) : -1], names[-1])


def distinct(titles: Iterable[str]) -> list[str]:
    """A name that Excel takes for every title, no two of which are equal to Excel, which sees no case."""
    names: list[str] = []
    taken = set(_RESERVED)
    for title in titles:
        clean = _FORBIDDEN.sub(" ", title).strip(" '")[:LONGEST].strip(" '") or "Sheet"
        name, number = clean, 1
        while name.casefold() in taken:
            number += 1
            ending = f" {number}"
            name = clean[: LONGEST - len(ending)] + ending
        taken.add(name.casefold())
        names.append(name)
    return names
