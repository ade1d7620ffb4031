"""`manage.py problematic retry` against a TestIO that answers over HTTP."""

import signal
from collections import Counter
from uuid import uuid4

import pytest
from django.utils import timezone

from problematic import claims, triage
from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping, RetryAttempt
from sync import leases
from sync.models import Customer, Test
from sync.sandbox import SandboxServer, World
from tests.factories import CustomerFactory, ProductFactory
from tests.problematic.factories import ProblematicEventFactory
from tests.problematic.shell import desk
from tests.sync.support import Outcome, finish, free_leases, start, wait_until

pytestmark = pytest.mark.django_db

NO_SUCH_TEST = 4_000_000_000


@pytest.fixture
def event(customer: Customer, product_id: int) -> ProblematicEvent:
    return ProblematicEventFactory.create(product=ProductFactory.create(id=product_id, customer=customer))


def resolve(event: ProblematicEvent) -> None:
    ended = {"status": EventStatus.RESOLVED, "resolved_at": timezone.now(), "resolution": "It was read through."}
    ProblematicEvent.objects.filter(pk=event.pk).update(**ended)


def states() -> dict[int, str]:
    return dict(ProblematicMapping.objects.values_list("test_id", "state"))


def test_a_retry_says_what_it_came_to(event: ProblematicEvent, world: World) -> None:
    good, broken = world.tests_of(event.product_id)[:2]
    world.break_records(tests=[broken])
    triage.map_tests(event, [good, broken, NO_SUCH_TEST])
    done = desk("retry", str(event.product_id))
    assert done.code == 3
    assert done.stdout == (
        "Retried 3: 1 succeeded, 2 failed.\n"
        f"- Test {broken}: TestIO still cannot read it (500). Retry once TestIO has repaired it.\n"
        f"- Test {NO_SUCH_TEST}: TestIO has no such test (404). Check the number; unmap it if it was a mistake.\n"
    )
    assert done.stderr == "1 of 3 retried, 0 failed\n2 of 3 retried, 1 failed\n3 of 3 retried, 2 failed\n"
    assert states() == {good: "succeeded", broken: "failed", NO_SUCH_TEST: "failed"}
    world.repair()
    assert desk("unmap", str(event), str(NO_SUCH_TEST)).code == 0
    assert desk("retry", "--event", str(event)) == Outcome(
        0, "Retried 1: 1 succeeded, 0 failed.\n", "1 of 1 retried, 0 failed\n"
    )
    assert set(Test.objects.values_list("pk", flat=True)) == {good, broken}


def test_a_retry_as_json_is_one_document(event: ProblematicEvent, world: World) -> None:
    triage.map_tests(event, [world.tests_of(event.product_id)[0], NO_SUCH_TEST])
    done = desk("retry", "--all", "--json")
    assert done.code == 3
    why = f"Test {NO_SUCH_TEST}: TestIO has no such test (404). Check the number; unmap it if it was a mistake."
    assert done.json == {"tests_retried": 2, "tests_succeeded": 1, "tests_failed": 1, "errors": [why]}


def test_a_retry_where_nothing_is_mapped_is_fine(event: ProblematicEvent, sandbox: SandboxServer) -> None:
    for which in ([str(event.product_id)], ["--event", str(event)], ["--all"]):
        assert desk("retry", *which) == Outcome(0, "Nothing is mapped there, so nothing was retried.\n", "")
        assert desk("retry", *which, "--json").json == {
            "tests_retried": 0,
            "tests_succeeded": 0,
            "tests_failed": 0,
            "errors": [],
        }
    assert sandbox.stats.total == 0


def test_a_retry_is_about_one_event_one_product_or_all(event: ProblematicEvent, world: World) -> None:
    same_product = ProblematicEventFactory.create(product=event.product)
    order = world.tests_of(event.product_id)
    triage.map_tests(event, [order[0]])
    triage.map_tests(same_product, [order[1]])
    assert desk("retry", "--event", same_product.public_id, "--json").json["tests_retried"] == 1
    assert states() == {order[0]: "queued", order[1]: "succeeded"}
    assert desk("retry", str(event.product_id), "--json").json["tests_retried"] == 1
    assert set(states().values()) == {"succeeded"}


def test_what_is_left_of_a_resolved_event_is_retried_when_it_is_named(event: ProblematicEvent, world: World) -> None:
    triage.map_tests(event, world.tests_of(event.product_id)[:1])
    resolve(event)
    left_out = f"Left out 1 test mapped to events that are no longer open ({event}): name the event to retry it."
    said = f"Nothing else is mapped there, so nothing was retried. {left_out}\n"
    for which in ("--all", str(event.product_id)):
        assert desk("retry", which) == Outcome(0, said, "")
    assert desk("retry", "--all", "--json").stderr == said
    assert desk("retry", "--event", str(event), "--json").json["tests_succeeded"] == 1


@pytest.mark.parametrize("which", ["product", "event"])
def test_a_product_outside_the_filter_is_refused(event: ProblematicEvent, which: str) -> None:
    Customer.objects.update(product_ids=[3, 1])
    triage.map_tests(event, [5])
    arguments = [str(event.product_id)] if which == "product" else ["--event", str(event)]
    outcome = desk("retry", *arguments)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert f"Product {event.product_id} is outside the filter of customer acme, which allows 1, 3." in outcome.stderr
    assert states() == {5: "queued"}


def test_a_retry_of_all_leaves_out_products_outside_the_filter_and_ended_events_and_says_so(
    event: ProblematicEvent, world: World
) -> None:
    customer = event.product.customer
    outside, ended = ProductFactory.create_batch(2, customer=customer)
    Customer.objects.update(product_ids=[event.product_id, ended.pk])
    triage.map_tests(event, world.tests_of(event.product_id)[:1])
    triage.map_tests(ProblematicEventFactory.create(product=outside), [5, 6])
    resolved = ProblematicEventFactory.create(product=ended)
    triage.map_tests(resolved, [7])
    resolve(resolved)
    done = desk("retry", "--all")
    allowed = ", ".join(map(str, sorted((event.product_id, ended.pk))))
    left = f"Left out 1 test mapped to events that are no longer open ({resolved}): name the event to retry it."
    allowing = f"the filter of customer acme, which allows {allowed}"
    notes = [left, f"Left out 2 tests of product {outside.pk}, which is outside {allowing}."]
    assert done.stdout.splitlines() == ["Retried 1: 1 succeeded, 0 failed.", *(f"- {note}" for note in notes)]
    assert done.code == 0
    Customer.objects.update(product_ids=[ended.pk])
    nothing = desk("retry", "--all", "--json")
    assert (nothing.code, nothing.json["tests_retried"]) == (0, 0)
    assert nothing.stderr.startswith("Everything else mapped there is stored already, so nothing was retried. Left out")


def test_each_reason_why_nothing_is_retried_has_its_own_sentence(event: ProblematicEvent, world: World) -> None:
    resolved = ProblematicEventFactory.create(product=event.product)
    resolve(resolved)
    assert desk("retry", "--event", str(resolved)).stdout == (
        f"Event {resolved} is resolved: It was read through. Nothing of it is left to retry.\n"
    )
    triage.map_tests(event, world.tests_of(event.product_id)[:1])
    assert desk("retry", "--all").code == 0
    for which in (["--all"], [str(event.product_id)], ["--event", str(event)]):
        stored = "Everything mapped there is stored already, so nothing was retried.\n"
        assert desk("retry", *which) == Outcome(0, stored, "")


def test_an_event_of_another_customer_than_the_named_one_is_wrong_usage(event: ProblematicEvent) -> None:
    other = CustomerFactory.create(name="beta")
    triage.map_tests(event, [5])
    outcome = desk("retry", "--event", str(event), "--customer", other.name)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert f"Event {event} belongs to customer acme, not to beta." in outcome.stderr
    assert states() == {5: "queued"}
    assert desk("retry", "--event", str(event), "--customer", "acme").code == 3


def test_what_somebody_else_retries_is_busy(event: ProblematicEvent, sandbox: SandboxServer) -> None:
    triage.map_tests(event, [5])
    claims.claim(ProblematicMapping.objects.get().pk, "somebody")
    outcome = desk("retry", "--all", "--json")
    said = "Everything mapped there is being retried right now. Wait for the result."
    assert outcome.code == 75
    assert outcome.json == {"status": "busy", "retry_after": 10, "detail": said, "exit_code": 75}
    assert sandbox.stats.total == 0


def test_what_somebody_else_retries_beside_our_tests_is_a_note_and_no_failure(
    event: ProblematicEvent, world: World
) -> None:
    ours = world.tests_of(event.product_id)[0]
    triage.map_tests(event, [5, ours])
    claims.claim(event.mappings.get(test_id=5).pk, "somebody")
    done = desk("retry", "--all")
    assert (done.code, done.stdout) == (
        0,
        "Retried 1: 1 succeeded, 0 failed.\n- Test 5 is being retried elsewhere.\n",
    )


def test_a_product_nobody_knows_is_wrong_usage(event: ProblematicEvent) -> None:
    outcome = desk("retry", "77")
    assert outcome.code == 2
    assert "Customer acme has no product 77." in outcome.stderr


def test_a_busy_product_is_said_with_the_seconds(event: ProblematicEvent, sandbox: SandboxServer) -> None:
    triage.map_tests(event, [5])
    leases.acquire([event.product_id], uuid4())
    outcome = desk("retry", str(event.product_id))
    assert (outcome.code, outcome.stdout) == (75, "")
    assert "Sync in progress. Retry in " in outcome.stderr
    refused = desk("retry", "--all", "--json")
    assert (refused.code, refused.json["status"], refused.json["retry_after"] > 0) == (75, "busy", True)
    assert sandbox.stats.total == 0
    assert states() == {5: "queued"}


@pytest.mark.django_db(transaction=True)
def test_a_retry_can_wait_for_the_end_of_a_sync(event: ProblematicEvent, world: World, database_url: str) -> None:
    triage.map_tests(event, world.tests_of(event.product_id)[:1])
    [held], _ = leases.acquire([event.product_id], uuid4())
    process = start(database_url, "problematic", "retry", "--all", "--wait", "--json")
    assert desk("retry", "--all").code == 75
    held.release()
    done = finish(process)
    assert (done.code, done.json["tests_succeeded"]) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_retry_that_is_killed_is_taken_up_by_the_next(
    event: ProblematicEvent, sandbox: SandboxServer, world: World, database_url: str
) -> None:
    wanted = world.tests_of(event.product_id)[:5]
    triage.map_tests(event, wanted)
    sandbox.faults.set(latency_ms=100)
    process = start(database_url, "problematic", "retry", "--all")
    wait_until(lambda: {"succeeded", "running"} <= set(states().values()), "the middle of the retry")
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    left = sum(state != "succeeded" for state in states().values())
    sandbox.faults.set(latency_ms=0)
    done = desk("retry", "--all", "--json")
    assert (done.code, done.json["tests_succeeded"]) == (0, left)
    assert states() == dict.fromkeys(wanted, "succeeded")
    outcomes = Counter(RetryAttempt.objects.values_list("outcome", flat=True))
    assert outcomes["succeeded"] == len(wanted)
    assert outcomes["abandoned"] <= 1
    assert free_leases()


def test_a_refused_token_is_named_and_not_shown(event: ProblematicEvent, sandbox: SandboxServer) -> None:
    triage.map_tests(event, [5])
    sandbox.faults.set(refuse=401)
    outcome = desk("retry", "--all")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "TestIO does not accept this customer's API token (HTTP 401" in outcome.stderr
    assert sandbox.token not in outcome.stderr
