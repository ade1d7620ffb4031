"""Values and conditions that the querysets of facts are written with."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import BigIntegerField, BooleanField, Case, DateField, F, Q, TextField, Value, When
from django.db.models.functions import Cast, Coalesce

from reports.metrics.dimensions import Kind
from reports.metrics.query import Range
from sync import wording

NO_TEXT = Value("", TextField())
NO_SET = Value(0, BigIntegerField())


def within(days: Range, path: str) -> Q:
    condition = Q((f"{path}__isnull", False))
    if days.first is not None:
        condition &= Q((f"{path}__gte", _midnight(days.first)))
    if days.last is not None and days.last < date.max:
        condition &= Q((f"{path}__lt", _midnight(days.last + timedelta(days=1))))
    return condition


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def renamed(path: str, stored: str, shown: str) -> Case:
    return Case(When(Q((path, stored)), then=Value(shown)), default=Coalesce(path, NO_TEXT), output_field=TextField())


def testing_type(path: str, test_id: str) -> Case:
    unread = When(Q((test_id, None)), then=NO_TEXT)
    return Case(
        unread,
        When(Q((path, None)), then=Value(wording.TEST_CASE)),
        When(Q((path, "external")), then=Value(wording.CUSTOM)),
        default=F(path),
        output_field=TextField(),
    )


#: With its type: where rows are made different, or put together with others, PostgreSQL would take it for text.
NOTHING = {
    Kind.NUMBER: Cast(Value(None), BigIntegerField()),
    Kind.FLAG: Cast(Value(None), BooleanField()),
    Kind.PERIOD: Cast(Value(None), DateField()),
}
