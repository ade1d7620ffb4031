"""The numbers in one field of custom reports: TestIO sends them as numbers or as text."""

from django.db.models import DecimalField, F, Func, JSONField, TextField, Value

from reports.metrics.different import different_records
from reports.metrics.facts import KEYS, Facts
from reports.metrics.query import Query
from reports.metrics.shell import Numbers, empty_groups, statement_of

_NUMBER = r"^[-+]?[0-9]{1,40}(\.[0-9]{1,40})?$"


def numbers_of_reports(query: Query, facts: Facts, *, name: str) -> Numbers:
    """Their count, sum, lowest and highest, of the field of this name."""
    rows = facts.bugs().filter(custom_report__isnull=False).alias(text=_text_of_field(name)).filter(text__regex=_NUMBER)
    number = Func(F("text"), template="(%(expressions)s)::numeric", output_field=DecimalField())
    sums = {"values": "count(value)", "sum": "sum(value)", "minimum": "min(value)", "maximum": "max(value)"}
    rows = rows.annotate(counted=F("id"), value=number)
    statement = statement_of(rows.values_list(*KEYS[: len(query.dimensions)], "counted", "value"))
    figures = {f"{kind}:{name}": aggregate for kind, aggregate in sums.items()}
    parts = [part for part in (statement, *empty_groups(query, facts, "nothing")) if part]
    return different_records(query, facts.sets, parts, ("value",), figures) if parts else Numbers.nothing(figures)


def _text_of_field(name: str) -> Func:
    """The value of the first field with this key, as text; JSON's null is none."""
    key = Func(Value("key"), Value(name, TextField()), function="jsonb_build_object", output_field=JSONField())
    first = Func(
        F("custom_report__data"),
        key,
        template="jsonb_path_query_first(%(expressions)s)",
        arg_joiner=", '$[*] ? (@.key == $key).value', ",
        output_field=JSONField(),
    )
    return Func(first, template="(%(expressions)s #>> '{}')", output_field=TextField())
