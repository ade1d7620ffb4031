import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from sync.sandbox import Faults, SandboxServer, World
from tests.sync.sandbox.support import client_of


def ending(client: httpx.Client, address: str) -> str:
    """How a request ended, in one word."""
    try:
        answer = client.get(address)
    except httpx.ReadError:
        return "reset"
    except httpx.RemoteProtocolError as error:
        return "truncate" if "complete message body" in str(error) else "drop"
    except httpx.ReadTimeout:
        return "stall"
    if "html" in answer.headers["content-type"] and answer.status_code == 200:
        return "html"
    return str(answer.status_code)


@pytest.mark.parametrize(
    "outcome", ["500", "429", "502", "503", "504", "524", "413", "404", "drop", "reset", "truncate", "html"]
)
def test_a_forced_outcome_meets_exactly_the_requests_it_was_meant_for(
    api: httpx.Client, sandbox: SandboxServer, outcome: str
) -> None:
    sandbox.faults.force("reject_reasons", outcome, times=2)
    endings = [ending(api, address) for address in ("/products", *["/bugs/reject_reasons"] * 3)]

    assert endings == ["200", outcome, outcome, "200"]


def test_a_stalled_request_never_answers_and_does_not_keep_the_server_from_stopping(world: World) -> None:
    server = SandboxServer(world, Faults(stall_seconds=120))
    with server, client_of(server.base_url, server.token, timeout=0.3) as client:
        server.faults.force("products", "stall")
        began = time.monotonic()
        assert ending(client, "/products") == "stall"

    assert time.monotonic() - began < 60


def test_random_faults_come_about_as_often_as_asked_and_alike_in_every_run(world: World) -> None:
    wanted = {"500": 0.2, "429": 0.1, "drop": 0.2, "truncate": 0.1, "html": 0.1}

    def run() -> list[str | None]:
        faults = Faults(seed=3, random_500=0.2, random_429=0.1, drop=0.2, truncate=0.1, html=0.1)
        return [faults.outcome("bugs", f"/bugs?filter_test_cycle_ids={number // 2}") for number in range(4_000)]

    endings = run()
    found = Counter("drop" if ending == "reset" else ending for ending in endings)
    assert {outcome: round(found[outcome] / 4_000, 1) for outcome in wanted} == wanted
    assert {"drop", "reset"} <= set(endings)
    assert run() == endings


def test_random_faults_do_not_depend_on_the_order_of_arrival() -> None:
    addresses = [f"/exploratory_tests/{number}" for number in range(200)]
    one, other = Faults(seed=9, random_503=0.5), Faults(seed=9, random_503=0.5)

    assert {each: one.outcome("test", each) for each in addresses} == {
        each: other.outcome("test", each) for each in reversed(addresses)
    }


def test_random_faults_over_real_http_spoil_their_share(api: httpx.Client, sandbox: SandboxServer) -> None:
    sandbox.faults.set(random_500=0.25, drop=0.25, truncate=0.25)
    found = Counter(ending(api, "/bugs/reject_reasons") for _ in range(200))

    assert set(found) == {"200", "500", "drop", "reset", "truncate"}
    assert 20 < found["200"] < 80
    assert sandbox.stats.by_fault == {outcome: number for outcome, number in found.items() if outcome != "200"}


def test_429_says_how_long_to_wait_in_seconds_or_as_a_date(api: httpx.Client, sandbox: SandboxServer) -> None:
    sandbox.faults.set(random_429=1.0, retry_after=2)
    assert api.get("/products").headers["Retry-After"] == "2"

    sandbox.faults.set(retry_after_form="date")
    moment = parsedate_to_datetime(api.get("/products").headers["Retry-After"])
    assert timedelta(seconds=1) < moment - datetime.now(UTC) <= timedelta(seconds=3)

    sandbox.faults.set(retry_after_form="alternate")
    forms = [api.get("/products").headers["Retry-After"] for _ in range(4)]
    assert [form == "2" for form in forms].count(True) == 2

    sandbox.faults.set(retry_after_form="none")
    assert "Retry-After" not in api.get("/products").headers


def test_throttling_answers_429_to_everything_for_a_while(api: httpx.Client, sandbox: SandboxServer) -> None:
    sandbox.faults.throttle(0.8)
    answers = [api.get(address) for address in ("/products", "/bugs/reject_reasons")]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(429, "1")] * 2

    deadline = time.monotonic() + 30
    while api.get("/products").status_code == 429:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusing_sandbox_refuses_everything(api: httpx.Client, sandbox: SandboxServer, status: int) -> None:
    sandbox.faults.set(refuse=status)

    assert [api.get(address).status_code for address in ("/products", "/bugs/1", "/nothing")] == [status] * 3


@pytest.mark.parametrize("outcome", ["524", "413"])
def test_a_bug_query_for_too_many_tests_fails(
    api: httpx.Client, sandbox: SandboxServer, world: World, outcome: str
) -> None:
    sandbox.faults.set(bug_query_limit=3, bug_query_outcome=outcome)
    some = [",".join(map(str, world.test_ids()[:count])) for count in (3, 4)]

    assert [ending(api, f"/bugs?filter_test_cycle_ids={ids}") for ids in some] == ["200", outcome]


def test_lists_can_be_empty_or_halved(api: httpx.Client, sandbox: SandboxServer, world: World) -> None:
    product_id = world.product_ids()[0]
    addresses = {
        "products": "/products",
        "features": f"/products/{product_id}/features",
        "tests": f"/products/{product_id}/exploratory_tests?page=1&per_page=500",
        "bugs": f"/bugs?filter_product_ids={product_id}",
    }

    def sizes() -> dict[str, int]:
        bodies = {name: api.get(address).json() for name, address in addresses.items()}
        return {name: len(next(iter(body.values()))) for name, body in bodies.items()}

    full = sizes()
    sandbox.faults.set(halved=list(addresses))
    assert sizes() == {name: size // 2 for name, size in full.items()}
    sandbox.faults.set(halved=[], empty=list(addresses))
    assert sizes() == dict.fromkeys(addresses, 0)
    sandbox.faults.clear()
    assert sizes() == full


def test_a_shuffled_list_holds_the_same_tests_in_another_order_each_time(
    api: httpx.Client, sandbox: SandboxServer, world: World
) -> None:
    product_id = world.product_ids()[0]
    sandbox.faults.set(shuffled=True)
    bodies = [api.get(f"/products/{product_id}/exploratory_tests?page=1&per_page=500").json() for _ in range(2)]
    one, other = ([test["id"] for test in body["exploratory_tests"]] for body in bodies)

    assert one != other
    assert sorted(one) == sorted(other) == sorted(world.tests_of(product_id))


def test_a_capped_page_changes_the_step_and_staging_ignores_pages(
    api: httpx.Client, sandbox: SandboxServer, world: World
) -> None:
    product_id = world.product_ids()[0]
    order = world.tests_of(product_id)

    def page(number: int) -> list[int]:
        body = api.get(f"/products/{product_id}/exploratory_tests?page={number}&per_page=20").json()
        return [test["id"] for test in body["exploratory_tests"]]

    sandbox.faults.set(per_page_cap=6)
    assert [page(1), page(2)] == [order[:6], order[6:12]]
    sandbox.faults.set(per_page_cap=None, ignore_paging=True)
    assert [page(1), page(99)] == [order, order]


def test_the_world_can_change_before_a_certain_request(api: httpx.Client, sandbox: SandboxServer, world: World) -> None:
    product_id = world.product_ids()[0]
    before = world.tests_of(product_id)
    sandbox.faults.before_request(2, lambda now: now.delete_test(before[0]))
    sandbox.faults.when("page=3", lambda now: now.insert_tests(product_id))

    pages = [
        api.get(f"/products/{product_id}/exploratory_tests?page={page}&per_page=2").json() for page in (1, 2, 3, 3)
    ]
    seen = [[test["id"] for test in page["exploratory_tests"]] for page in pages]
    assert seen == [before[0:2], before[3:5], before[4:6], before[4:6]]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"random_500": 1.5}, "random_500 is a share of all requests, from 0 to 1, not 1.5."),
        ({"refuse": 500}, "refuse is 401, 403 or nothing, not 500."),
        (
            {"empty": ["people"]},
            "The lists that can be emptied or halved are products, features, tests, bugs, not 'people'.",
        ),
        ({"latency_ms": -1}, "latency_ms cannot be less than nothing: -1."),
        ({"per_page_cap": 0}, "per_page_cap leaves at least one record a page, not 0."),
    ],
)
def test_an_odd_setting_is_refused_by_name_and_changes_nothing(settings: dict[str, object], sentence: str) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=re.escape(sentence)):
        faults.set(drop=0.5, **settings)

    assert faults.settings() == Faults().settings()


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="The sandbox has no fault called earthquake;"):
        Faults(earthquake=1)
    with pytest.raises(ValueError, match="A request can end in 500, 429, "):
        Faults().force("bugs", "explosion")
