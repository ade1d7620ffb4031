"""The numbers in one field of custom reports: TestIO sends them as numbers, as text, or as a list of one of them.

What a number is, ``reports.custom.answers`` says; this says the same in SQL.
"""

from collections.abc import Iterable

from django.db.models import DecimalField, F, Func, JSONField, TextField, Value

from reports.metrics.different import different_records
from reports.metrics.facts import KEYS, Facts
from reports.metrics.query import Query
from reports.metrics.shell import Numbers, empty_groups, statement_of

_DIGITS = r"[0-9]{1,40}(?:\.[0-9]{1,40})?"
#: What Python strips from text, as it stands in JSON.
_BLANK = (
    r"(?:[ \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
    r"|\\[tnfr]|\\u00(?:0b|1[c-f]))"
)
#: In lists there may be what is no value. JSON being whole, nothing else than one number in lists looks like this.
_NO_VALUES = rf'(?:[][, ]|null|"{_BLANK}*")*'
_ONE_NUMBER = rf'^{_NO_VALUES}("[-+]?{_DIGITS}"|-?{_DIGITS}){_NO_VALUES}$'


def numbers_of_reports(query: Query, facts: Facts, *, name: str) -> Numbers:
    """Their count, sum, lowest and highest, of the field of this name."""
    rows = facts.bugs().filter(custom_report__isnull=False).alias(answer=_answer(name))
    rows = rows.filter(answer__regex=_ONE_NUMBER)
    number = Func(
        F("answer"),
        Value(_ONE_NUMBER, TextField()),
        template="btrim(substring(%(expressions)s), '\"')::numeric",
        arg_joiner=" from ",
        output_field=DecimalField(),
    )
    sums = {"values": "count(value)", "sum": "sum(value)", "minimum": "min(value)", "maximum": "max(value)"}
    rows = rows.annotate(counted=F("id"), value=number)
    statement = statement_of(rows.values_list(*KEYS[: len(query.dimensions)], "counted", "value"))
    figures = {f"{kind}:{name}": aggregate for kind, aggregate in sums.items()}
    parts = [part for part in (statement, *empty_groups(query, facts, "nothing")) if part]
    return different_records(query, facts.sets, parts, ("value",), figures) if parts else _nothing(figures)


def _nothing(figures: Iterable[str]) -> Numbers:
    """No number is none of them, and not 0 as their sum."""
    return Numbers(total={name: 0 if name.startswith("values:") else None for name in figures})


def _answer(name: str) -> Func:
    """The JSON of what the first field with this key says; NULL where it says nothing."""
    key = Func(Value("key"), Value(name, TextField()), function="jsonb_build_object", output_field=JSONField())
    return Func(
        F("custom_report__data"),
        key,
        template="(jsonb_path_query_first(%(expressions)s, true) -> 'value')::text",
        arg_joiner=", 'strict $[*] ? (@.key == $key)', ",
        output_field=TextField(),
    )
