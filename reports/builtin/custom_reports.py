"""The forms that bugs of severity "custom" were filed with: a row per bug, a column per question."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from pydantic import Field

from reports import custom
from reports.builtin.scope import OfDays, of_tables
from reports.catalogue import Report
from reports.custom.answers import number, text_of
from reports.documents import Column, Document, Kind, StoredRows, Table, Value
from reports.limits import limits
from sync import wording
from sync.access import Access
from sync.api import params
from sync.models import CustomReport

#: Forms that differ from bug to bug would make a column for each of them.
MOST_QUESTIONS = 200
_CHUNK = 1_000


class CustomReportParameters(OfDays):
    """The days are those on which the bugs were reported."""

    test_id: params.Ids = Field([], description="Only forms filed in these tests.")
    status: params.BugStatuses = Field([], description="Only forms of bugs in these states.")
    configuration_id: params.Texts = Field([], description="Only forms of these kinds, by TestIO's id.")
    interactions: bool = Field(False, description="Also the text of the tester's interactions.")


_COLUMNS = (
    Column("bug_id", "Bug", Kind.ID, 10),
    Column("bug", "Title", width=40),
    Column("bug_status", "Status", width=14),
    Column("customer", "Customer", width=14),
    Column("product", "Product"),
    Column("test_id", "Test", Kind.ID, 10),
    Column("tester", "Tester", width=16),
    Column("reported_at", "Reported (UTC)", Kind.DATETIME),
    Column("configuration_id", "Form", width=10),
)
_SOURCES = (
    "bug_id", "bug__title", "bug__status", "bug__product__customer__name", custom.PRODUCT_NAME,
    Coalesce("bug__test_id", "bug__mentioned_test_id"),
    "bug__author__username", "bug__reported_at", "configuration_id", "data", "plain_text_interactions",
)  # fmt: skip


def run(access: Access, asked: CustomReportParameters) -> Document:
    rows = _found(access, asked)
    questions, left_out = _questions(rows)
    notes = []
    if left_out:
        notes.append(
            f"These forms have {left_out + len(questions):,} different questions; the {len(questions)} that came first "
            "are shown. Ask for one kind of form (configuration_id) to see all of its questions."
        )
    columns = [*_COLUMNS, *(question.column for question in questions.values())]
    if asked.interactions:
        columns.append(Column("interactions", "Interactions", width=40))
    shown = partial(_shown, questions=questions, with_interactions=asked.interactions)
    table = Table(
        "custom-reports",
        "Custom reports",
        columns,
        StoredRows(rows.values_list(*_SOURCES), shown, _CHUNK),
        expected=rows.count(),
        empty="No bug was filed with a form like that.",
    )
    return of_tables(REPORT, asked, table, notes=notes, limits=limits(asked.products(access), "tests", "bugs"))


def _found(access: Access, asked: CustomReportParameters) -> "QuerySet[CustomReport]":
    rows = custom.chosen(
        access,
        asked.between("bug__reported_at"),
        product_ids=asked.product_ids(access),
        test_ids=asked.test_id,
        configuration_ids=asked.configuration_id,
    )
    rows = params.narrowed(rows, bug__status__in=asked.status)
    return rows.order_by(F("bug__reported_at").desc(nulls_last=True), "bug_id")


@dataclass(frozen=True, slots=True)
class Question:
    """``is_number``: every answer to it is one, so programs and spreadsheets get numbers."""

    column: Column
    is_number: bool

    def value(self, answer: str | None) -> Value:
        return (_number(answer) if self.is_number else answer) if answer else None


def _questions(rows: "QuerySet[CustomReport]") -> tuple[dict[str, Question], int]:
    """Each question by its key, in the order they are first met, and how many more there are."""
    numeric: dict[str, bool | None] = {}  # None: nobody has answered it
    for data in rows.values_list("data", flat=True).iterator(_CHUNK):
        for key, answer in _answers(data).items():
            numeric.setdefault(key, None)
            if answer and numeric[key] is not False:
                numeric[key] = _number(answer) is not None
    shown = list(numeric)[:MOST_QUESTIONS]
    return {key: _question(key, bool(numeric[key])) for key in shown}, len(numeric) - len(shown)


def _number(answer: str) -> int | float | None:
    """The number an answer is and nothing else: "007" is a name, and a spreadsheet keeps fifteen digits."""
    found = number(answer)
    if found is None or f"{found:f}" != answer.removeprefix("+") or len(found.as_tuple().digits) > 15:
        return None
    return float(found) if "." in answer else int(found)


def _question(key: str, is_number: bool) -> Question:
    taken = {column.name for column in _COLUMNS} | {"interactions"}
    name = f"report: {key}" if key in taken else key
    return Question(Column(name, key or "(no name)", Kind.NUMBER if is_number else Kind.TEXT, 24), is_number)


def _answers(data: Any) -> Mapping[str, str]:
    """Each question with its answer; one that is there twice with both answers."""
    answers: dict[str, str] = {}
    for field in data if isinstance(data, list) else ():
        if isinstance(field, dict) and field.get("key") is not None:
            key, value = str(field["key"]), text_of(field.get("value")) or ""
            answers[key] = f"{answers[key]}; {value}" if key in answers else value
    return answers


def _shown(
    rows: Iterable[tuple[Any, ...]], questions: Mapping[str, Question], *, with_interactions: bool
) -> Iterator[list[Value]]:
    for row in rows:
        *own, data, interactions = row
        values: list[Value] = [None if value == "" else value for value in own]
        values[2] = wording.shown_bug_status(own[2])
        answers = _answers(data)
        values += [question.value(answers.get(key)) for key, question in questions.items()]
        if with_interactions:
            values.append(interactions or None)
        yield values


REPORT = Report(
    "custom-reports",
    "Custom reports",
    'The forms that bugs of severity "custom" were filed with: a row per bug, a column per question.',
    CustomReportParameters,
    "sync.view_customreport",
    run,
    ("bugs", "custom reports", "raw"),
)
