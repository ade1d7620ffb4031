"""Syncs in the browser: the list, the order and its plan, a run with its figures beside another; and who may what."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.models.process import this_process
from sync.sandbox import SandboxServer, World
from tests.factories import CustomerFactory, ProductFactory, SyncEventFactory, SyncLeaseFactory, SyncPhaseFactory
from tests.problematic.factories import ProblematicEventFactory
from tests.sync.support import make_customer, sync, wait_until, world_of
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db

TOKEN = "a-token-nobody-sees"


@pytest.fixture
def acme() -> Customer:
    customer = CustomerFactory.build(name="acme")
    customer.set_token(TOKEN)
    customer.save()
    return customer


@pytest.fixture
def ops(acme: Customer) -> Client:
    return with_session(member(acme, role="Operator", name="ops"))


def _run(customer: Customer, *, days: float = 1, seconds: int = 60, **fields: Any) -> SyncEvent:
    """One that ended so many days ago."""
    began = timezone.now() - timedelta(days=days)
    ended = {"status": "succeeded", "started_at": began, "finished_at": began + timedelta(seconds=seconds)}
    return SyncEventFactory.create(customer=customer, **{**ended, **fields})


def _phase(run: SyncEvent, product: Product | None, name: str = "tests", **fields: Any) -> SyncPhase:
    ended = {"status": "succeeded", "started_at": run.started_at, "finished_at": run.finished_at or timezone.now()}
    return SyncPhaseFactory.create(event=run, product=product, name=name, **{**ended, **fields})


def _shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.content.decode()[:500])
    return response.content.decode()


def _said(response: Any, client: Client) -> str:
    """The page a form leads to."""
    return _shown(client, response.headers["Location"])


def _address(run: SyncEvent, more: str = "") -> str:
    return f"/syncs/{run.public_id}/{more}"


# The list -------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_filtered_and_paged(ops: Client, acme: Customer) -> None:
    runs = [_run(acme, days=day) for day in range(1, 31)]
    failed = _run(acme, days=3.5, status="failed", trigger="background", error="No.")
    first = _shown(ops, "/syncs/?days=90")
    assert [first.index(run.public_id) for run in runs[:10]] == sorted(first.index(run.public_id) for run in runs[:10])
    assert (runs[23].public_id in first, runs[24].public_id in first) == (True, False)
    after = first.split("after=")[1].split('"')[0]
    second = _shown(ops, f"/syncs/?days=90&after={after}")
    assert (runs[23].public_id in second, runs[24].public_id in second, runs[29].public_id in second) == (
        False, True, True,
    )  # fmt: skip
    for query in ("status=failed", "trigger=background", "status=failed&trigger=background&days=7"):
        page = _shown(ops, f"/syncs/?{query}")
        assert [each.public_id for each in [*runs, failed] if each.public_id in page] == [failed.public_id], query
    assert runs[8].public_id not in _shown(ops, "/syncs/?days=7")
    assert runs[0].public_id in _shown(ops, "/syncs/?status=nonsense&days=-1&after=nonsense")


def test_a_run_that_goes_on_says_how_far_it_is_and_the_list_moves(ops: Client, acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme)
    _phase(run, ProductFactory.create(customer=acme), seen=1_240, api_calls=35, status="running", finished_at=None)
    page = _shown(ops, "/syncs/")
    assert ("1 product, 1,240 read, 35 calls" in page, 'hx-trigger="every 3s"' in page) == (True, True)
    SyncEvent.objects.update(status="cancelled", finished_at=Now())
    assert "hx-trigger" not in _shown(ops, "/syncs/").partition("<main")[2]


def test_an_empty_list_says_what_to_do(ops: Client) -> None:
    assert 'href="/syncs/start/">Start a sync' in _shown(ops, "/syncs/")
    assert "No sync fits" in _shown(ops, "/syncs/?status=failed")


def test_a_dead_run_is_found_dead_by_whoever_looks(ops: Client, acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme, pid=2**22 + 1)
    assert "Interrupted" in _shown(ops, _address(run))
    run.refresh_from_db()
    assert run.status == "interrupted"


def test_pages_cost_the_same_however_many_runs_and_products_there_are(ops: Client, acme: Customer) -> None:
    costs = []
    for more in (1, 3, 30):
        runs = [_run(acme, days=10), _run(acme, days=5), SyncEventFactory.create(customer=acme)]
        for product in ProductFactory.create_batch(more, customer=acme):
            for run in runs:
                _phase(run, product)
        addresses = ["/syncs/", _address(runs[1]), _address(runs[2], "progress/"), "/syncs/start/?plan=1"]
        costs.append([_cost(ops, address) for address in addresses])
    assert (costs[0] == costs[1] == costs[2], max(costs[0]) <= 30) == (True, True), costs


def _cost(client: Client, address: str) -> int:
    _shown(client, address)
    with CaptureQueriesContext(connection) as captured:
        _shown(client, address)
    return len(captured)


# Rights ---------------------------------------------------------------------------------------------------------------


def test_a_viewer_looks_sees_no_button_and_is_refused_when_forcing_it(acme: Customer) -> None:
    viewer = with_session(member(acme))
    over, running = _run(acme), SyncEventFactory.create(customer=acme)
    for address in ("/syncs/", _address(over), _address(running)):
        main = _shown(viewer, address).partition("<main")[2]
        assert ("/syncs/start/" in main, "/cancel/" in main) == (False, False), address
    assert viewer.get("/syncs/start/").status_code == 403
    assert viewer.post("/syncs/start/now/", {"customer": "acme"}).status_code == 403
    assert viewer.post(_address(running, "cancel/")).status_code == 403
    assert SyncEvent.objects.running().get().cancel_requested_at is None


def test_runs_and_customers_of_others_do_not_exist(ops: Client, acme: Customer) -> None:
    other = SyncEventFactory.create(customer=CustomerFactory.create(name="other"))
    assert (other.public_id in _shown(ops, "/syncs/"), "other" in _shown(ops, "/syncs/start/")) == (False, False)
    for address in (_address(other), _address(other, "progress/"), "/syncs/start/?customer=other"):
        assert ops.get(address).status_code == 404
    assert ops.post(_address(other, "cancel/")).status_code == 404
    assert ops.post("/syncs/start/now/", {"customer": "other"}).status_code == 404
    assert f"with={other.public_id}" not in _shown(ops, _address(_run(acme), f"?with={other.public_id}"))


def test_a_stranger_is_sent_to_the_login_and_a_moving_part_loads_its_page(acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme)
    assert Client().get("/syncs/").headers["Location"] == "/login/?next=/syncs/"
    assert Client().get(_address(run, "progress/")).headers["HX-Refresh"] == "true"


# Starting -------------------------------------------------------------------------------------------------------------


def test_the_plan_says_what_would_be_done_and_its_button_starts_exactly_that(ops: Client, acme: Customer) -> None:
    new = ProductFactory.create(pk=12, customer=acme, name="Shop")
    ProductFactory.create(pk=15, customer=acme, name="App")
    led = ops.post("/syncs/start/now/", {"customer": "acme", "product": "12", "since": "yesterday", "plan": "1"})
    assert led.headers["Location"] == "/syncs/start/?customer=acme&since=yesterday&product=12&plan=1"
    page = _said(led, ops)
    yesterday = timezone.now().date() - timedelta(days=1)
    assert "1 product read from top to bottom." in page
    assert f'<input type="hidden" name="ids" value="{new.pk}">' in page
    assert f'<input type="hidden" name="since" value="{yesterday.isoformat()}">' in page
    assert (TOKEN in page, SyncEvent.objects.exists()) == (False, False)


@pytest.mark.parametrize("pasted", ["12 15", "#12,\n15", "12;15", '["12", 15]', "https://acme.test.io/products/12 15/"])
def test_ids_are_understood_as_people_paste_them(ops: Client, acme: Customer, pasted: str) -> None:
    for pk in (12, 15, 18):
        ProductFactory.create(pk=pk, customer=acme)
    page = _said(ops.post("/syncs/start/now/", {"customer": "acme", "ids": pasted, "plan": "1"}), ops)
    assert '<input type="hidden" name="ids" value="12, 15">' in page


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"ids": "Shop"}, "Shop is no product id"),
        ({"ids": "99"}, "acme has no product 99."),
        ({"since": "Q3 2024"}, "is not a day that can be read"),
        ({"since": "2999-01-01"}, "still to come"),
        ({"mode": "incremental_only", "bugs": "all"}, "Only new tests, and nothing else"),
    ],
)
def test_what_cannot_be_meant_is_marked_where_it_stands(
    ops: Client, acme: Customer, asked: dict[str, str], sentence: str
) -> None:
    ProductFactory.create(pk=12, customer=acme)
    page = _said(ops.post("/syncs/start/now/", {"customer": "acme", **asked}), ops)
    assert (sentence in page, SyncEvent.objects.exists()) == (True, False)


def test_modes_that_empty_a_product_are_not_for_the_browser(ops: Client, acme: Customer) -> None:
    page = _said(ops.post("/syncs/start/now/", {"customer": "acme", "mode": "nuke", "plan": "1"}), ops)
    assert 'value="nuke"' not in page


def test_a_customer_without_a_token_is_refused_in_place(ops: Client, acme: Customer) -> None:
    Customer.objects.update(encrypted_token=b"")
    assert "has no API token" in _shown(ops, "/syncs/start/?plan=1")
    led = ops.post("/syncs/start/now/", {"customer": "acme"})
    assert "Nothing was started. Customer acme has no API token." in _said(led, ops)


def test_a_paused_customer_says_why_and_what_a_sync_would_change(ops: Client, acme: Customer) -> None:
    Customer.objects.update(paused_at=Now(), paused_reason="The token was refused.")
    assert "acme is paused: The token was refused. A sync tries again" in _shown(ops, "/syncs/start/")


def test_products_that_somebody_writes_are_busy_and_the_run_is_named(ops: Client, acme: Customer) -> None:
    product = ProductFactory.create(customer=acme)
    running = SyncEventFactory.create(customer=acme)
    holder = {"holder": uuid4(), "acquired_at": Now(), "heartbeat_at": Now(), **this_process()}
    SyncLeaseFactory.create(product=product, **holder)
    page = _shown(ops, "/syncs/start/?plan=1")
    assert ("Sync in progress." in page, f"Watch {running}." in page, "Start exactly this" in page) == (
        True, True, False,
    )  # fmt: skip
    led = ops.post("/syncs/start/now/", {"customer": "acme"})
    assert "Nothing was started. Sync in progress." in _said(led, ops)
    assert SyncEvent.objects.count() == 1


def test_without_a_customer_the_way_to_one_is_shown() -> None:
    admin = User.objects.create(username="root", is_superuser=True)
    assert 'href="/start/"' in _shown(with_session(admin), "/syncs/start/")
    assert "You are no member of a customer." in _shown(with_session(member(role="Operator")), "/syncs/start/")


@pytest.fixture
def world() -> World:
    return world_of(tests=12, products=2)


@pytest.mark.django_db(transaction=True)
def test_a_sync_is_started_by_somebody_in_the_browser_and_cancelled(sandbox: SandboxServer) -> None:
    customer = make_customer(sandbox)
    ops = with_session(member(customer, role="Operator", name="ops"))
    sandbox.faults.set(latency_ms=200)
    led = ops.post("/syncs/start/now/", {"customer": customer.name, "mode": "full"})
    run = SyncEvent.objects.get()
    assert led.headers["Location"] == _address(run)
    assert (run.trigger, run.get_trigger_display(), str(run.requested_by), run.mode) == (
        "admin", "browser", "ops", "full",
    )  # fmt: skip
    page = _shown(ops, _address(run))
    assert ('hx-trigger="every 2s"' in page, "in the browser by ops" in page) == (True, True)
    assert "was asked to stop" in _said(ops.post(_address(run, "cancel/")), ops)
    wait_until(lambda: not SyncEvent.objects.running().exists(), "the end of the run")
    assert ops.get(_address(run, "progress/")).headers["HX-Refresh"] == "true"
    assert "Cancelled by ops; what was stored before stays." in _shown(ops, _address(run))
    assert "had ended before" in _said(ops.post(_address(run, "cancel/")), ops)


@pytest.mark.django_db(transaction=True)
def test_a_run_of_the_sandbox_is_compared_with_the_one_before(sandbox: SandboxServer) -> None:
    customer = make_customer(sandbox)
    viewer = with_session(member(customer))
    first, second = sync(customer, mode=SyncEvent.Mode.FULL), sync(customer, mode=SyncEvent.Mode.FULL)
    page = _shown(viewer, _address(second))
    assert f'value="{first.public_id}" selected' in page
    assert 'value="none" selected' in _shown(viewer, _address(second, "?with=none"))
    assert "as before" in page  # as many gaps as then: none
    assert "−12" in page  # tests that were new then are not new now


# A run ---------------------------------------------------------------------------------------------------------------


def test_a_run_shows_every_figure_of_every_product_and_phase_with_what_differs(ops: Client, acme: Customer) -> None:
    shop, app = (ProductFactory.create(customer=acme, name=name) for name in ("Shop", "App"))
    before, run = _run(acme, days=3, seconds=30), _run(acme, days=1, seconds=95)
    _phase(before, shop, seen=40, created=40, api_calls=9)
    _phase(before, app, seen=7)
    _phase(run, shop, seen=52, created=12, updated=3, missing=2, gaps=1, api_calls=11, status="partial")
    _phase(run, shop, "bugs", seen=1_100)
    table = ops.get(_address(run)).context["groups"]
    assert [(group.title, [line[0].text for line in group.lines]) for group in table] == [
        ("App", ["Tests"]), ("Shop", ["Tests", "Bugs"]),
    ]  # fmt: skip
    tests, bugs = table[1].lines
    assert [(cell.text, cell.note) for cell in tests] == [
        ("Tests", ""), ("done with gaps", ""), ("52", "+12"), ("12", "−28"), ("3", "+3"), ("2", "+2"), ("1", "+1"),
        ("11", "+2"), ("1 min 35 s", "+1 min 05 s"),
    ]  # fmt: skip
    assert (bugs[0].note, bugs[2].text) == ("not in the other run", "1,100")
    assert [cell.text for cell in table[0].lines[0][1:3]] == ["not this time", "–"]
    stats = {stat.label: (stat.value, stat.change.text) for stat in ops.get(_address(run)).context["stats"]}
    assert (stats["New tests"], stats["Took"]) == (("12", "−28"), ("1 min 35 s", "+1 min 05 s"))


def test_the_run_before_is_one_after_the_same(ops: Client, acme: Customer) -> None:
    shop = ProductFactory.create(customer=acme)
    same = _run(acme, days=5)
    _phase(same, shop)
    unlike: dict[int, dict[str, Any]] = {4: {"mode": "full"}, 3: {"trigger": "background"}, 2: {"mode": "discovery"}}
    for days, fields in unlike.items():
        _phase(_run(acme, days=days, **fields), shop)
    _phase(_run(acme, days=1.5), ProductFactory.create(customer=acme))
    run = _run(acme, days=1)
    _phase(run, shop)
    assert ops.get(_address(run)).context["other"] == same
    assert ops.get(_address(same)).context["other"] is None
    assert ops.get(_address(run, "?with=run_nonsense")).context["other"] is None


def test_warnings_are_shown_in_full_with_the_error_and_the_gaps(ops: Client, acme: Customer) -> None:
    shop = ProductFactory.create(customer=acme, name="Shop <b>")
    run = _run(acme, status="partial", gaps=3, error="Shop was busy.")
    _phase(run, shop, warnings=[f"Warning number {number} <script>" for number in range(30)], gaps=3)
    _phase(run, shop, "bugs", status="failed", error="TestIO gave up.")
    event = ProblematicEventFactory.create(product=shop, sync_event=run)
    page = _shown(ops, _address(run))
    assert [number for number in range(30) if f"Warning number {number} &lt;script&gt;" not in page] == []
    for sentence in ("31 warnings", "Shop was busy.", "TestIO gave up.", event.public_id, "Shop &lt;b&gt;"):
        assert sentence in page
    assert ("<script>" in page, "<b>" in page) == (False, False)


def test_progress_never_goes_back_and_says_who_asked_it_to_stop(ops: Client, acme: Customer) -> None:
    shop, app = (ProductFactory.create(customer=acme, name=name) for name in ("Shop", "App"))
    run = SyncEventFactory.create(customer=acme)
    goes_on = {"status": "running", "finished_at": None, "started_at": timezone.now()}
    listed = _phase(run, None, "products", **goes_on)
    assert _moving(ops, run) == ("Reading the list of products.", None, [])
    SyncPhase.objects.filter(pk=listed.pk).update(seen=2, status="succeeded", finished_at=Now())
    assert _moving(ops, run) == ("0 of 2 products begun, 0 phases done.", 0.0, [])
    _phase(run, shop, "features", seen=30)
    _phase(run, shop, "tests", seen=250, **goes_on)
    _phase(run, app, "features", **goes_on)
    assert _moving(ops, run) == (
        "2 of 2 products begun, 1 phase done.", 12.5, ["App: features, 0 read", "Shop: tests, 250 read"],
    )  # fmt: skip
    ops.post(_address(run, "cancel/"))
    assert _moving(ops, run)[0] == "ops asked it to stop: it finishes the page in hand, within seconds."


def _moving(client: Client, run: SyncEvent) -> tuple[str, float | None, list[str]]:
    moving = client.get(_address(run, "progress/")).context["moving"]
    return moving.sentence, moving.percent, list(moving.at_work)


def test_another_sync_like_a_run_is_one_click_away(ops: Client, acme: Customer) -> None:
    shop = ProductFactory.create(pk=12, customer=acme)
    run = _run(acme, mode="full", trigger="background")
    _phase(run, shop)
    page = _shown(ops, _address(run)).replace("&amp;", "&")
    assert "/syncs/start/?customer=acme&mode=full&ids=12" in page


def test_a_run_is_found_by_any_beginning_of_its_id(ops: Client, acme: Customer) -> None:
    run = _run(acme)
    for name in (str(run.pk), run.pk.hex, run.pk.hex[:10]):
        assert run.public_id in _shown(ops, f"/syncs/{name}/")
    assert ops.get("/syncs/nonsense/").status_code == 404
