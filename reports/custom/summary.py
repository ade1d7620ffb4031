"""Custom reports by group: how many, and each question summed up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Coalesce

from reports.custom import fields
from reports.custom.answers import NONE, answers, read
from reports.custom.fields import FieldKind, FieldSummary
from sync.models import CustomReport, Test

#: Grouping by this means the test a bug was found in; a question of the same name is ``field:test``.
TEST = "test"
_FIELD = "field:"
MOST_GROUPINGS = 2
_CHUNK = 2_000


class UnknownField(Exception):
    """No report has the field that was asked for; the sentence names those there are.

    ``parameter`` of ``summarise`` that named it: ``group_by`` or ``wanted``.
    """

    def __init__(self, sentence: str, parameter: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Group:
    """``values`` are in the order of ``group_by``; ``labels`` are the same for people (a test with its title)."""

    values: tuple[str, ...]
    labels: tuple[str, ...]
    reports: int
    fields: Sequence[FieldSummary]


@dataclass(frozen=True, slots=True)
class CustomSummary:
    """``groups`` are all groups, the largest first; without ``group_by`` there are none."""

    reports: int
    configurations: Mapping[str, int]
    group_by: tuple[str, ...]
    fields: Sequence[FieldSummary]
    groups: Sequence[Group]

    @property
    def configuration_id(self) -> str | None:
        """The form all reports were filed with, where it is one."""
        only = list(self.configurations)
        return only[0] or None if len(only) == 1 else None


@dataclass(frozen=True, slots=True)
class _Report:
    answers: Mapping[str, str | None]
    test: int | None


def summarise(
    rows: "QuerySet[CustomReport]", *, group_by: Sequence[str] = (), wanted: Sequence[str] = ()
) -> CustomSummary:
    """The reports summed up, with only the ``wanted`` questions where any is named. Two statements.

    Raises ``UnknownField`` for a question to group by, or wanted, that none of the reports has. Naming one twice to
    group by is the same as once.
    """
    group_by = tuple(dict.fromkeys(group_by))
    test = Coalesce("bug__test_id", "bug__mentioned_test_id")
    forms: Counter[str] = Counter()
    reports = []
    written = rows.values_list("configuration_id", Cast("data", TextField()), test).order_by("pk")
    for form, data, number in written.iterator(_CHUNK):
        forms[form] += 1
        reports.append(_Report(answers(read(data)), number))
    names = dict.fromkeys(name for report in reports for name in report.answers)
    asked = [*(wanted or names)]
    if reports:
        _refuse_unknown("wanted", asked, names)
        _refuse_unknown("group_by", map(_field, filter(_is_field, group_by)), names)
    kinds = {
        name: fields.kind_of([a for each in reports if (a := each.answers.get(name)) is not None]) for name in asked
    }
    return CustomSummary(
        len(reports),
        dict(forms.most_common()),
        tuple(group_by),
        _summed(reports, kinds),
        _groups(reports, kinds, group_by),
    )


def _refuse_unknown(parameter: str, asked: Iterable[str], names: Mapping[str, None]) -> None:
    for name in asked:
        if name not in names:
            known = ", ".join([*names][:20])
            raise UnknownField(f'No custom report here has a field "{name}". There are: {known}.', parameter)


def _is_field(grouping: str) -> bool:
    return grouping != TEST


def _field(grouping: str) -> str:
    return grouping.removeprefix(_FIELD)


def _summed(reports: Sequence[_Report], kinds: Mapping[str, FieldKind]) -> list[FieldSummary]:
    return [fields.summary(name, kind, [each.answers.get(name) for each in reports]) for name, kind in kinds.items()]


def _groups(reports: Sequence[_Report], kinds: Mapping[str, FieldKind], group_by: Sequence[str]) -> list[Group]:
    if not group_by:
        return []
    found: dict[tuple[str, ...], list[_Report]] = defaultdict(list)
    for report in reports:
        found[tuple(_value(report, grouping) for grouping in group_by)].append(report)
    titles = _titles(reports) if TEST in group_by else {}
    order = sorted(found, key=lambda values: (-len(found[values]), values))
    return [
        Group(values, _labels(values, group_by, titles), len(found[values]), _summed(found[values], kinds))
        for values in order
    ]


def _value(report: _Report, grouping: str) -> str:
    if grouping == TEST:
        return NONE if report.test is None else str(report.test)
    return report.answers.get(_field(grouping)) or NONE


def _titles(reports: Iterable[_Report]) -> dict[str, str]:
    ids = {report.test for report in reports if report.test is not None}
    named = Test.objects.filter(pk__in=ids).order_by().values_list("pk", "title")
    return {str(pk): title for pk, title in named if title}


def _labels(values: tuple[str, ...], group_by: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    pairs = zip(values, group_by, strict=True)
    return tuple(titles.get(value, value) if grouping == TEST else value for value, grouping in pairs)
