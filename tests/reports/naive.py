"""The figures once more, by loops over plain rows: slow, without a join, and in no way like the real thing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reports.metrics import Query
from sync.models import Bug, BugDevice, CustomReport, Product, Test, TestFeature, TestPlatform

NONE = "(none)"
WEIGHTS = {"critical": 5, "high": 3, "low": 1}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is, as dictionaries by id."""

    products: dict[int, Json]
    tests: dict[int, Json]
    bugs: dict[int, Json]
    covered: dict[int, list[int | None]]
    platforms: dict[int, list[str]]
    devices: dict[int, list[Json]]
    reports: dict[int, list[Json]]


def world(customers: set[int] | None = None) -> World:
    """The rows that count, of these customers (None: of all)."""
    products = {
        pk: each
        for pk, each in _by_id(Product.objects.values("id", "customer_id", "missing_since")).items()
        if each["missing_since"] is None and (customers is None or each["customer_id"] in customers)
    }
    tests = {
        pk: each
        for pk, each in _by_id(Test.objects.values()).items()
        if each["missing_since"] is None and each["product_id"] in products
    }
    bugs = {pk: each for pk, each in _by_id(Bug.objects.values()).items() if _counts(each, tests, products)}
    return World(
        products,
        tests,
        bugs,
        covered=_lists(TestFeature.objects.filter(missing_since=None).values_list("test_id", "feature_id")),
        platforms=_lists(TestPlatform.objects.values_list("test_id", "operating_system")),
        devices=_lists((each["bug_id"], each) for each in BugDevice.objects.values()),
        reports=dict(CustomReport.objects.values_list("bug_id", "data")),
    )


def _by_id(rows: Iterable[Any]) -> dict[int, Json]:
    return {row["id"]: row for row in rows}


def _counts(bug: Json, tests: dict[int, Json], products: dict[int, Json]) -> bool:
    if bug["missing_since"] is not None:
        return False
    return bug["product_id"] in products if bug["test_id"] is None else bug["test_id"] in tests


def _lists(pairs: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


# -- every test with every bug, and every value they have


def facts(everything: World, dated_by: str, *, by_feature: bool) -> Iterator[Json]:
    """One dictionary for each combination of values that belong together; "ids" of what it is about."""
    by_test = _lists((bug["test_id"], bug) for bug in everything.bugs.values())
    for test in everything.tests.values():
        bugs = by_test.get(test["id"], [])
        if by_feature:
            covered: set[int | None] = set(everything.covered.get(test["id"], [])) or {None}
            for feature in covered - {bug["feature_id"] for bug in bugs}:
                yield from _rows(everything, test, None, feature, dated_by)
        elif not bugs:
            yield from _rows(everything, test, None, None, dated_by)
    for bug in everything.bugs.values():
        yield from _rows(everything, everything.tests.get(bug["test_id"]), bug, bug["feature_id"], dated_by)


def _rows(everything: World, test: Json | None, bug: Json | None, feature: int | None, dated_by: str) -> Iterator[Json]:
    own = {"test": test, "bug": bug, "feature_id": feature} | _of_test(everything, test, bug) | _of_bug(bug)
    own |= _of_moment((test or {}).get("end_at") if dated_by == "end_at" else (bug or {}).get("reported_at"))
    own["feature"] = feature
    for platform in (everything.platforms.get(test["id"]) if test else None) or [""]:
        for device in (everything.devices.get(bug["id"]) if bug else None) or [{}]:
            for browser in device.get("browsers") or [""]:
                yield own | {
                    "test_platform": platform or None,
                    "platform": device.get("operating_system") or None,
                    "device_category": device.get("category") or None,
                    "browser": browser or None,
                }


def _of_test(everything: World, test: Json | None, bug: Json | None) -> Json:
    product = (test or bug or {})["product_id"]
    found = {"customer": everything.products[product]["customer_id"], "product": product}
    if test is None:
        names = ("section", "test_creator", "testing_type", "test_status", "environment")
        return found | dict.fromkeys(names)
    kind = {None: "test case", "external": "custom"}.get(test["testing_type"], test["testing_type"])
    return found | {
        "section": test["section_id"],
        "test_creator": test["created_by_id"],
        "testing_type": kind or None,
        "test_status": test["status"] or None,
        "environment": test["environment_id"],
    }


def _of_bug(bug: Json | None) -> Json:
    if bug is None:
        return dict.fromkeys(("tester", "severity", "bug_status", "rejection_reason", "known"))
    return {
        "tester": bug["author_id"],
        "severity": bug["severity"] or None,
        "bug_status": {"forwarded": "open"}.get(bug["status"], bug["status"]) or None,
        "rejection_reason": bug["rejection_reason"] or None,
        "known": bug["known"],
    }


def _of_moment(moment: datetime | None) -> Json:
    if moment is None:
        return dict.fromkeys(("day", "week", "month", "quarter", "year"))
    day = moment.astimezone(UTC).date()
    year, week, _ = day.isocalendar()
    return {
        "day": day,
        "week": f"{year}-W{week:02}",
        "month": day.strftime("%Y-%m"),
        "quarter": f"{day.year}-Q{(day.month - 1) // 3 + 1}",
        "year": str(day.year),
    }


# -- choosing, grouping, counting


def answer(everything: World, query: Query) -> tuple[dict[tuple[Any, ...], Json], Json]:
    """The figures by group, and of all groups together; every measure of the query."""
    groups: dict[tuple[Any, ...], Json] = defaultdict(dict)
    totals: Json = {}
    for by_feature in (False, True):
        asked = [name for name in query.measures if _is_by_feature(query, name) == by_feature]
        rows = facts(everything, query.dated_by, by_feature=by_feature) if asked else ()
        kept = [row for row in rows if _is_kept(row, query)]
        cells: dict[tuple[Any, ...], list[Json]] = defaultdict(list)
        for row in kept:
            cells[tuple(_value(row, name) for name in query.dimensions)].append(row)
        for name in asked:
            for key, own in cells.items():
                groups[key][name] = measure(everything, name, own)
            totals[name] = measure(everything, name, kept)
    return dict(groups), totals


def _is_by_feature(query: Query, measure_name: str) -> bool:
    asks = query.per_feature or "feature" in (*query.dimensions, *query.filters)
    return asks or measure_name == "features_tested"


def filter_value(row: Json, name: str) -> Any:
    """What to filter by to get the row again."""
    value = _value(row, name)
    return NONE if value is None else value


def _value(row: Json, dimension: str) -> Any:
    if dimension in ("test", "bug"):
        return row[dimension] and row[dimension]["id"]
    return row[dimension]


def _is_kept(row: Json, query: Query) -> bool:
    filters = {"test_status": ("running", "locked", "archived")} | dict(query.filters)
    if filters["test_status"] == ("any",):
        del filters["test_status"]
    for name, values in filters.items():
        value = _value(row, name)
        if (NONE if value is None else value) not in values:
            return False
    first, last = query.range.first or date.min, query.range.last or date.max
    return not query.range or (row["day"] is not None and first <= row["day"] <= last)


def measure(everything: World, name: str, rows: list[Json]) -> Any:
    tests = {row["test"]["id"] for row in rows if row["test"]}
    bugs = {row["bug"]["id"]: row["bug"] for row in rows if row["bug"]}
    statuses = [bug["status"] for bug in bugs.values()]
    accepted, auto = statuses.count("accepted"), statuses.count("auto_accepted")
    rejected, total = statuses.count("rejected"), len(statuses)
    if name.startswith("report_"):
        return _of_reports(everything, name, bugs)
    values = {
        "tests": len(tests),
        "bugs": total,
        "features_tested": len({row["feature_id"] for row in rows} - {None}),
        "active_testers": len({bug["author_id"] for bug in bugs.values()} - {None}),
        "bugs_per_test": total / len(tests) if tests else None,
        "severity_score": sum(WEIGHTS.get(bug["severity"], 1) for bug in bugs.values()),
        "overall_acceptance": (accepted + auto) / total if total else None,
        "active_acceptance": accepted / total if total else None,
        "auto_acceptance": auto / (accepted + auto) if accepted + auto else None,
        "rejection": rejected / total if total else None,
        "review": (accepted + rejected) / total if total else None,
    }
    return values[name]


def _of_reports(everything: World, name: str, bugs: Iterable[int]) -> Any:
    kind, _, field = name.partition(":")
    found = (_number(everything.reports.get(bug, []), field) for bug in bugs)
    numbers = [number for number in found if number is not None]
    if kind == "report_values":
        return len(numbers)
    if not numbers:
        return None
    sums = {"report_sum": sum(numbers), "report_minimum": min(numbers), "report_maximum": max(numbers)}
    return float(sums[kind]) if kind in sums else float(sum(numbers)) / len(numbers)


def _number(report: list[Json], field: str) -> Decimal | None:
    values = _values(next((each.get("value") for each in report if each.get("key") == field), None))
    if len(values) != 1 or isinstance(values[0], bool | dict):
        return None
    text = values[0] if isinstance(values[0], str) else f"{Decimal(str(values[0])):f}"
    digits, _, decimals = text.removeprefix("-" if text.startswith("-") else "+").partition(".")
    return Decimal(text) if _is_digits(digits) and (_is_digits(decimals) or "." not in text) else None


def _values(value: Any) -> list[Any]:
    """Those in a list, and in the lists in it, without blank ones."""
    if isinstance(value, list):
        return [found for each in value for found in _values(each)]
    return [] if value is None or (isinstance(value, str) and not value.strip()) else [value]


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 40
