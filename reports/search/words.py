"""What people type, as a question PostgreSQL can answer. Total: any text gives a question, or a clear refusal.

``word word``    rows with all of them; the last may be unfinished, unless it ends with a digit
``word*``        anything that begins like this
``"two words"``  next to each other, in this order; so are the parts of ``log-in`` and ``ABC-123``
``-word``        not with this one
``7000123``      a number alone also finds the record with that id

Case, accents and punctuation do not matter. A word also finds its other forms (``crashes``: crash, crashed, crashing),
in English and German: those with the same stem. The database itself cuts texts into words, as it did for the rows, so
that both sides always agree.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery
from django.db import connection

from sync.testio.payloads.reading import BIGINT_MAX

LONGEST = 500
MOST_TERMS = 16

_TERM = re.compile(r'(?P<minus>-(?![-\s]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))(?P<star>\*?)')
_QUOTES = str.maketrans(dict.fromkeys("„“”«»", '"'))
_NUMBER = re.compile(r"#?([0-9]{1,19})")

# What is put after a stem to find words that have it; whether one does is asked of the stemmer.
_ENDINGS = {
    "english_stem": ("", "e", "s", "es", "ed", "ing", "er", "ers", "ion", "ions", "ation"),
    "german_stem": ("", "e", "en", "er", "ern", "n", "s"),
}
_STEMMERS = [stemmer for stemmer, endings in _ENDINGS.items() for _ in endings]
_AFTER_STEM = [ending for endings in _ENDINGS.values() for ending in endings]

_READ = """
SELECT words.found, CASE WHEN cardinality(words.found) = 1 AND words.found[1] ~ '^[a-z]{3,}$' THEN ARRAY(
    SELECT DISTINCT form
    FROM unnest(%(stemmers)s::regdictionary[], %(endings)s::text[]) AS known(stemmer, ending),
        LATERAL (SELECT (ts_lexize(stemmer, words.found[1]))[1]) AS cut(stem),
        LATERAL (
            SELECT stem || ending
            UNION ALL SELECT stem || right(stem, 1) || ending WHERE ending IN ('ed', 'ing', 'er')
            UNION ALL SELECT left(stem, -1) || 'y' WHERE ending = '' AND stem LIKE '%%i'
        ) AS made(form)
    WHERE ts_lexize(stemmer, form) = ARRAY[stem] AND form <> words.found[1]
    ORDER BY form
) ELSE '{}' END
FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS given(text, number), LATERAL (
    SELECT ARRAY(
        SELECT lexeme FROM unnest(to_tsvector('pg_catalog.simple', sync_search_words(given.text))),
            unnest(positions) AS place
        ORDER BY place
    )
) AS words(found)
ORDER BY number
"""


class NothingToSearch(ValueError):
    """The text holds no word to look for, or too many; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of what was typed: text that may turn out to be several words, or none."""

    text: str
    prefix: bool = False
    excluded: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A term's words, as rows have them, and the other forms of a single one."""

    term: Term
    found: tuple[str, ...]
    forms: tuple[str, ...] = ()

    def condition(self, *, follow: str, weight: str = "") -> str:
        """As a part of a tsquery; ``follow``: the operator between words in a row."""
        last = _lexeme(self.found[-1], ("*" if self.term.prefix else "") + weight)
        others = [_lexeme(word, weight) for word in (*self.found[:-1], *self.forms)]
        joined = " | ".join((last, *others)) if self.forms else f" {follow} ".join((*others, last))
        return f"{'!' if self.term.excluded else ''}({joined})"


class Parsed(SearchQuery):
    """A tsquery that needs no more reading: its words are as rows have them."""

    template = "%(expressions)s::tsquery"


@dataclass(frozen=True, slots=True)
class Question:
    """``match`` decides; ``title``: the same, within titles alone; ``loose``: without the order of words, which the
    index cannot see; the same as ``match`` where no order is asked for."""

    match: str
    title: str
    loose: str
    words: frozenset[str]
    beginnings: tuple[str, ...]
    number: int | None


def understand(text: str) -> Question:
    """One statement. Raises ``NothingToSearch``."""
    terms = read_terms(text)
    words = _words(terms)
    wanted = [each for each in words if not each.term.excluded]
    if not wanted:
        raise NothingToSearch(
            "There is nothing to search for: give at least one word that is not excluded, of letters or digits."
        )
    orderless = (each for each in words if not (each.term.excluded and len(each.found) > 1))
    return Question(
        match=_all(each.condition(follow="<->") for each in words),
        title=_all(each.condition(follow="<->", weight="A") for each in words),
        loose=_all(each.condition(follow="&") for each in orderless),
        words=frozenset(word for each in wanted for word in (*each.found, *each.forms)),
        beginnings=tuple(each.found[-1] for each in wanted if each.term.prefix),
        number=_number(terms),
    )


def read_terms(text: str) -> list[Term]:
    """The terms of any text whatsoever. Raises ``NothingToSearch`` for more than anybody means."""
    if len(text) > LONGEST:
        raise NothingToSearch(f"This is too long to search for: give at most {LONGEST} characters.")
    clean = text.encode("utf-8", "ignore").decode().replace("\0", " ").translate(_QUOTES)
    terms = list(_terms(clean))
    if len(terms) > MOST_TERMS:
        raise NothingToSearch(f"These are too many words to search for: give at most {MOST_TERMS}.")
    if terms and _may_be_unfinished(terms[-1]):
        terms[-1] = Term(terms[-1].text, prefix=True)
    return terms


def _terms(text: str) -> Iterator[Term]:
    for found in _TERM.finditer(text):
        quoted = found["phrase"] is not None
        word = found["phrase"] if quoted else found["word"]
        if any(character.isalnum() for character in word):
            prefix = bool(found["star"]) or (not quoted and word.endswith("*"))
            yield Term(word, prefix, excluded=bool(found["minus"]), quoted=quoted)


def _may_be_unfinished(term: Term) -> bool:
    return term.text[-1].isalpha() and not (term.excluded or term.quoted)


def _number(terms: list[Term]) -> int | None:
    if len(terms) != 1 or terms[0].excluded:
        return None
    found = _NUMBER.fullmatch(terms[0].text)
    return int(found[1]) if found and int(found[1]) <= BIGINT_MAX else None


def _words(terms: list[Term]) -> list[Words]:
    """Those of the terms that hold any."""
    with connection.cursor() as cursor:
        texts = [term.text for term in terms]
        cursor.execute(_READ, {"texts": texts, "stemmers": _STEMMERS, "endings": _AFTER_STEM})
        rows = cursor.fetchall()
    return [_with_forms(term, found, forms) for term, (found, forms) in zip(terms, rows, strict=True) if found]


def _with_forms(term: Term, found: list[str], forms: list[str]) -> Words:
    if term.quoted:
        return Words(term, tuple(found))
    covered = found[0] if term.prefix else None
    return Words(term, tuple(found), tuple(form for form in forms if covered is None or not form.startswith(covered)))


def _lexeme(word: str, flags: str) -> str:
    quoted = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'" + (f":{flags}" if flags else "")


def _all(conditions: Iterable[str]) -> str:
    return " & ".join(conditions)
