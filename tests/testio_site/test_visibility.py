"""Nobody sees, counts or changes what belongs to a customer they are no member of: every address of the API, tried by a
member of one customer while there is another.

The walk finds its addresses in the API's own document, so a new route is walked as soon as it is there. It must know a
value for every parameter that names something: whoever adds such a parameter adds it here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from problematic.models import RetryJob
from testio_site.api import api
from testio_site.roles import Scope
from tests.problematic.factories import RetryJobFactory
from tests.testio_site.callers import member, token_of, with_session, with_token
from tests.testio_site.two_customers import Side

pytestmark = pytest.mark.django_db

OURS, THEIRS = 550_000_000, 770_000_000
#: In every number that nobody has: where a number stands, one that is not there is put in its place.
NOBODYS = 990_000_000

#: What a parameter in a path means, by how the path ends in it: a name of a customer's row.
IN_PATHS: dict[str, Callable[[Side], object]] = {
    "/bugs/{bug}": lambda side: side.rows["bug"].pk,
    "/customers/{customer}": lambda side: side.customer.name,
    "/features/{feature}": lambda side: side.rows["feature"].pk,
    "/problematic/events/{event}": lambda side: side.rows["event"].public_id,
    "/problematic/jobs/{job}": lambda side: side.rows["job"].public_id,
    "/mappings/{test_id}": lambda side: side.rows["mapping"].test_id,
    "/people/{person}": lambda side: side.rows["person"].pk,
    "/products/{product}": lambda side: side.rows["product"].pk,
    "/reports/catalogue/{name}": lambda side: side.rows["saved"].public_id,
    "/reports/runs/{run}": lambda side: side.rows["report_run"].public_id,
    "/reports/saved/{saved_report}": lambda side: side.rows["saved"].public_id,
    "/reports/schedules/{schedule}": lambda side: side.rows["schedule"].public_id,
    "/sync/events/{event}": lambda side: side.rows["run"].public_id,
    "/tests/{test}": lambda side: side.rows["test"].pk,
    "/thresholds/{customer}": lambda side: side.customer.name,
}
#: The same for parameters of a query.
IN_QUERIES: dict[str, Callable[[Side], object]] = {
    "bug_id": lambda side: side.rows["bug"].pk,
    "exclude_test_id": lambda side: side.rows["test"].pk,
    "include_test_id": lambda side: side.rows["test"].pk,
    "of_feature": lambda side: side.rows["feature"].pk,
    "of_product": lambda side: side.rows["product"].pk,
    "customer": lambda side: side.customer.name,
    "feature_id": lambda side: side.rows["feature"].pk,
    "person_id": lambda side: side.rows["person"].pk,
    "product_id": lambda side: side.rows["product"].pk,
    "q": lambda side: side.customer.name,
    "section_id": lambda side: side.rows["section"].pk,
    "test_id": lambda side: side.rows["test"].pk,
    "tester": lambda side: side.rows["person"].username,
    "tester_id": lambda side: side.rows["person"].pk,
    "username": lambda side: side.rows["person"].username,
}
#: Parameters of a query without which there is no answer.
NEEDED: dict[str, Callable[[Side], object]] = {"q": lambda _: "bug", "test_id": lambda side: side.rows["test"].pk}
#: Operations that must be told what they are about, in one of several ways.
ABOUT: dict[str, Callable[[Side], dict[str, object]]] = dict.fromkeys(
    ("reports_read_quality_report", "reports_list_quality_tests", "reports_list_quality_bugs"),
    lambda side: {"product_id": side.rows["product"].pk},
)
#: Parameters of a query that name no row: words, dates, how a list is to look.
HARMLESS = {
    "configuration_id", "count", "cursor", "field", "group_by", "has_user_stories", "include", "is_active", "kind",
    "known", "limit",
    "max_age_days", "min_age_days", "mine", "missing", "of_bug_status", "of_month", "of_severity", "of_test_status",
    "of_testing_type", "period", "product_type", "rejection_reason", "search", "severity", "since",
    "sort", "stale", "status", "tag", "testing_type", "tests", "trigger", "type", "until",
}  # fmt: skip
#: Bodies that name a row, by operation.
BODIES: dict[str, Callable[[Side], object]] = {
    "problematic_map_tests": lambda side: {"test_ids": [side.rows["mapping"].test_id]},
    "problematic_retry": lambda side: {"product_id": side.rows["product"].pk},
    "problematic_clear": lambda side: {"product_ids": [side.rows["product"].pk], "customer": side.customer.name},
    "reports_ask": lambda side: {"measures": ["bugs"], "filters": {"product": [side.rows["product"].pk]}},
    "reports_change_saved": lambda side: {"customers": [side.customer.name]},
    "reports_save_report": lambda side: {
        "name": "new",
        "report": "bugs",
        "customers": [side.customer.name],
        "parameters": {"product_id": [side.rows["product"].pk]},
    },
    "reports_schedule_report": lambda side: {
        "saved": side.rows["saved"].public_id,
        "weekday": "monday",
        "recipients": ["lead@example.com"],
    },
    "reports_set_thresholds_of": lambda _: {"review": {"warning": 0.5, "critical": 0.4}},
    "reports_start_run": lambda side: {"report": side.rows["saved"].public_id, "format": "csv"},
    "sync_start_sync": lambda side: {"customer": side.customer.name, "product_ids": [side.rows["product"].pk]},
}
#: Bodies that ask for everything the caller has.
BODIES_FOR_ALL: dict[str, object] = {
    "problematic_retry": {"all": True},
    "problematic_clear": {"product_ids": []},
    "reports_ask": {"measures": ["tests", "bugs"], "dimensions": ["product"]},
    "reports_save_report": {"name": "new", "report": "bugs"},
    "reports_start_run": {"report": "bugs", "format": "csv"},
    "sync_start_sync": {"dry_run": True},  # of the default customer
}
#: Answers that name nothing: numbers only, which the walk compares.
OF_NOBODY = {"sync_read_diagnostics", "reports_list_capabilities"}


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API."""

    name: str
    method: str
    path: str
    queries: tuple[str, ...]
    needed: tuple[str, ...]
    has_body: bool

    @classmethod
    def all(cls) -> Iterator["Route"]:
        for path, methods in api.get_openapi_schema()["paths"].items():
            for method, operation in methods.items():
                queries = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
                needed = tuple(name for name, each in queries.items() if each.get("required"))
                name, has_body = operation["operationId"], "requestBody" in operation
                yield cls(name, method.upper(), path, tuple(queries), needed, has_body)

    @property
    def parameters(self) -> dict[str, str]:
        """What stands for each parameter in ``IN_PATHS``; itself, with all before it, when nothing does."""
        ends = [self.path[: found.end()] for found in re.finditer(r"{\w+}", self.path)]
        return {end: next((known for known in IN_PATHS if end.endswith(known)), end) for end in ends}

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    def address(self, side: Side) -> str:
        """Of what it is about when that belongs to ``side``."""
        address = self.path
        for end, known in self.parameters.items():
            parameter = end[end.rindex("{") :]
            address = address.replace(parameter, quote(str(IN_PATHS[known](side))), 1)
        return address

    def full_address(self, side: Side, **query: str) -> str:
        """With what it must be told, and with ``query``."""
        words: dict[str, object] = {name: NEEDED[name](side) for name in self.needed}
        words |= (ABOUT[self.name](side) if self.name in ABOUT else {}) | query
        return f"{self.address(side)}?{urlencode(words)}" if words else self.address(side)

    def call(self, client: Client, side: Side, body: object = None, **query: str) -> tuple[int, str]:
        """Status and body of the answer."""
        address = self.full_address(side, **query)
        sent = "" if body is None else json.dumps(body)
        answer: Any = client.generic(self.method, address, sent, content_type="application/json")
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return answer.status_code, content.decode()


ROUTES = list(Route.all())


@pytest.fixture(autouse=True)
def many_calls_and_files_of_this_test_alone(settings: Settings, tmp_path: Path) -> None:
    settings.DESK_API_REQUESTS_PER_MINUTE = 0
    settings.DATA_DIR = tmp_path


def test_the_walk_knows_a_value_for_everything_that_names_something() -> None:
    parameters = {known for route in ROUTES for known in route.parameters.values()}
    queries = {name for route in ROUTES for name in route.queries}
    bodies = {route.name for route in ROUTES if route.has_body}
    assert parameters - set(IN_PATHS) == set()
    assert queries - set(IN_QUERIES) - HARMLESS == set()
    assert bodies - set(BODIES) == set()


@pytest.mark.parametrize("way_in", ["session", "token"])
def test_no_address_of_the_api_shows_counts_or_changes_what_belongs_to_another_customer(
    way_in: str,
) -> None:
    ours, nobodys = Side.of("ours", OURS), Side.nobodys("nobodys", NOBODYS)
    mia = member(ours.customer, role="Operator", name=ours.owner.username)
    client = with_session(mia) if way_in == "session" else with_token(token_of(mia, *Scope))
    before = _read_everything(client, ours)
    theirs = Side.of("theirs", THEIRS, is_default=True)
    stored = theirs.stored()
    assert _read_everything(client, ours) == before
    for route in ROUTES:
        _assert_there_is_nothing_of_theirs(route, client, theirs, nobodys)
    for route in ROUTES:
        if route.name in BODIES_FOR_ALL:
            status, text = route.call(client, theirs, BODIES_FOR_ALL[route.name])
            assert (status < 300, _traces(text, theirs)) == (True, set()), (route, text)
    assert theirs.stored() == stored


def test_whoever_sees_all_customers_finds_at_every_address_what_the_walk_looks_for() -> None:
    theirs = Side.of("theirs", THEIRS)
    theirs.owner.is_superuser = True  # reports are seen by their owners only
    theirs.owner.save()
    client = with_session(theirs.owner)
    for route in ROUTES:
        if route.reads:
            status, text = route.call(client, theirs)
            assert (status, bool(_traces(text, theirs))) == (200, route.name not in OF_NOBODY), (route, text)


def _read_everything(client: Client, ours: Side) -> dict[str, str]:
    """What a member reads about their own data: not a byte of it may change with the data of others."""
    answers = {route.name: route.call(client, ours) for route in ROUTES if route.reads}
    counted = {route.name: route.call(client, ours, count="true") for route in ROUTES if "count" in route.queries}
    answers |= {f"{name} counted": answer for name, answer in counted.items()}
    assert {name: answer for name, answer in answers.items() if answer[0] != 200} == {}
    return {name: re.sub(r'"made_at":"[^"]+"', "", text) for name, (_, text) in answers.items()}


def _assert_there_is_nothing_of_theirs(route: Route, client: Client, theirs: Side, nobodys: Side) -> None:
    """What is asked about their data is answered, to the letter, like what is asked about data that is not there."""
    asked, expected = (_answers(route, client, side) for side in (theirs, nobodys))
    assert asked == expected, route
    if route.parameters:
        assert {status for status, _ in asked} == {404}, route


def _answers(route: Route, client: Client, side: Side) -> list[tuple[int, str]]:
    body = BODIES[route.name](side) if route.has_body else None
    queries = [{name: str(IN_QUERIES[name](side))} for name in route.queries if name in IN_QUERIES]
    answers = [route.call(client, side, body, **query) for query in ({}, *queries)]
    return [(status, _without_names(text, side)) for status, text in answers]


def _without_names(text: str, side: Side) -> str:
    """With what was asked about put out of sight: an answer may repeat the question. The request's id is its own."""
    text = re.sub(r'"request_id": "[0-9a-f-]{36}"', "", text)
    for word in sorted({*side.words, str(side.rows["mapping"].test_id)}, key=len, reverse=True):
        text = text.replace(word, "?")
    return text


def _traces(text: str, side: Side) -> set[str]:
    return {word for word in side.words if word in text}


# Problems: what is not simply one row of one customer -----------------------------------------------------------------


def test_a_retry_over_several_customers_is_seen_only_by_those_who_see_all_of_them() -> None:
    ours, theirs = Side.of("ours", OURS), Side.of("theirs", THEIRS)
    both = [ours.customer.pk, theirs.customer.pk]
    job = RetryJobFactory.create(mapping_ids=[ours.rows["mapping"].pk], customer_ids=both, errors=["theirs error"])
    address = f"/api/v1/problematic/jobs/{job}"
    assert with_session(member(ours.customer)).get(address).status_code == 404
    assert with_session(member(ours.customer, theirs.customer, name="max")).get(address).status_code == 200
    event = reverse("admin:problematic_problematicevent_change", args=[ours.rows["event"].pk])
    page = with_session(member(ours.customer, name="moe", staff=True)).get(event).content.decode()
    assert (str(ours.rows["mapping"].test_id) in page, "theirs error" in page) == (True, False)


def test_a_retry_of_everything_takes_what_its_caller_sees_and_keeps_whose_that_was() -> None:
    ours = Side.of("ours", OURS)
    Side.of("theirs", THEIRS)
    client = with_session(member(ours.customer, role="Triage"))
    started = client.post("/api/v1/problematic/retry", {"all": True}, content_type="application/json").json()
    job = RetryJob.objects.get(pk=started["job_id"])
    assert (job.mapping_ids, job.customer_ids) == ([ours.rows["mapping"].pk], [ours.customer.pk])
