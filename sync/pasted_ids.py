"""Ids as people paste them: ``12, 34;56 #78 T-90 https://…/tests/123 evt_0123456789ab``, also as JSON or in quotes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BIGINT_MAX = 2**63 - 1

_KINDS = {
    "t": "test", "test": "test", "tests": "test", "exploratory_test": "test", "exploratory_tests": "test",
    "b": "bug", "bug": "bug", "bugs": "bug",
    "f": "feature", "feature": "feature", "features": "feature",
    "p": "product", "product": "product", "products": "product",
}  # fmt: skip
_BETWEEN = re.compile(r"[\s,;]+")
#: What JSON, a program or an office puts around ids. Inside a word, such as an address, it is part of that.
_AROUND = "[]\"'“”‘’"
_LETTERED = re.compile(r"(?:([tbfp])-)?#*([0-9]+)", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"/([a-z_]+)/(?:([0-9]+)|((?:[a-z]{3}_)?[0-9a-f][0-9a-f-]{7,35}))(?![^/?#])", re.IGNORECASE)
_BEGINNING = re.compile(r"([a-z]{3}_)?([0-9a-f][0-9a-f-]{0,35})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pasted:
    """One id. ``kind`` (test, bug, …) where the text says it; a ``number``, or the ``digits`` a UUID begins with."""

    text: str
    kind: str = ""
    number: int | None = None
    digits: str = ""
    prefix: str = ""


def read(text: str) -> list[Pasted] | None:
    """Each id once, in order; None when something else is among them, or nothing at all."""
    found = [read_one(word) for word in words(text)]
    if not found or any(each is None for each in found):
        return None
    return list({(each.kind, each.number, each.digits): each for each in found if each}.values())


def words(text: str) -> Iterator[str]:
    """What may be an id each, without what stands between and around them: ``["12", 34]`` are ``12`` and ``34``."""
    return filter(None, (word.strip(_AROUND) for word in _BETWEEN.split(text)))


def read_one(word: str) -> Pasted | None:
    """None for what is no id."""
    if "://" in word or word.startswith("/"):
        return _of_address(word)
    if lettered := _LETTERED.fullmatch(word):
        return Pasted(word, _KINDS.get((lettered[1] or "").lower(), ""), _number(lettered[2]))
    if beginning := _BEGINNING.fullmatch(word):
        return _of_digits(word, beginning[1] or "", beginning[2])
    return None


def _of_address(word: str) -> Pasted | None:
    """The last id of an address is what its page is about."""
    found = _IN_ADDRESS.findall(word)
    if not found:
        return None
    segment, number, beginning = found[-1]
    if number:
        return Pasted(word, _KINDS.get(segment.lower(), ""), _number(number))
    prefix, _, digits = beginning.rpartition("_")
    return _of_digits(word, f"{prefix}_" if prefix else "", digits)


def _of_digits(word: str, prefix: str, text: str) -> Pasted | None:
    digits = text.lower().replace("-", "")
    return Pasted(word, digits=digits, prefix=prefix.lower()) if 0 < len(digits) <= 32 else None


def _number(text: str) -> int:
    """0, which no row has, for more digits than any id has: Python refuses to read thousands of them."""
    number = int(text) if len(text) < 20 else 0
    return number if number <= BIGINT_MAX else 0
