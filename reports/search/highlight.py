"""Texts with the words that were found marked: plain text in parts, never markup, so that any page can show it safely.

Made here and not by PostgreSQL's ``ts_headline``, which sees no "résumé" when "resume" was asked for.
"""

import re
import unicodedata
from dataclasses import dataclass

from reports.search.words import Question

#: Characters of a snippet, more or less: it begins and ends between words.
SNIPPET = 240
_BEFORE = 60  # characters of it that come before the first word found

_MARKS = "\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_WORD = re.compile(rf"[^\W_][^\W_{_MARKS}]*(?:[{_MARKS}]+[^\W_]*)*")
_MARK = re.compile(f"[{_MARKS}]+")
_LETTERS = str.maketrans({
    "ø": "o", "đ": "d", "ł": "l", "ı": "i", "ð": "d", "ς": "σ", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text, and whether it is a word that was looked for."""

    text: str
    match: bool


def folded(word: str) -> str:
    """As the database folds it (``sync_search_fold``): lower case, no accents."""
    if word.isascii():
        return word.lower()
    return _MARK.sub("", unicodedata.normalize("NFKD", word)).lower().translate(_LETTERS)


def marked(text: str, question: Question) -> list[Part]:
    """The whole text."""
    return _parts(text, _matches(text, question))


def snippet(texts: "list[str]", question: Question) -> list[Part]:
    """From the text with the first match, around it; the beginning of the first text that has any otherwise."""
    for text in texts:
        if spans := _matches(text, question):
            return _cut(text, spans)
    return _cut(next(filter(None, texts), ""), [])


def _matches(text: str, question: Question) -> list[tuple[int, int]]:
    return [each.span() for each in _WORD.finditer(text) if _is_wanted(folded(each[0]), question)]


def _is_wanted(word: str, question: Question) -> bool:
    return word in question.words or word.startswith(question.beginnings)


def _cut(text: str, spans: list[tuple[int, int]]) -> list[Part]:
    begin = _word_boundary(text, max(0, spans[0][0] - _BEFORE)) if spans else 0
    end = min(len(text), begin + SNIPPET)
    if end < len(text):
        end = max(text.rfind(" ", begin + SNIPPET // 2, end), spans[0][1] if spans else 0, begin + SNIPPET // 2)
    inside = [(first - begin, last - begin) for first, last in spans if first >= begin and last <= end]
    parts = _parts(text[begin:end], inside)
    before, after = [Part("… ", match=False)] if begin else [], [Part(" …", match=False)] if end < len(text) else []
    return before + parts + after


def _word_boundary(text: str, at: int) -> int:
    """The beginning of the next word, if it is near; ``at`` otherwise."""
    blank = text.find(" ", at, at + _BEFORE) if at else -1
    return blank + 1 if blank >= 0 else at


def _parts(text: str, spans: list[tuple[int, int]]) -> list[Part]:
    parts, done = [], 0
    for first, last in spans:
        parts += [Part(text[done:first], match=False), Part(text[first:last], match=True)]
        done = last
    parts.append(Part(text[done:], match=False))
    return [part for part in parts if part.text]
