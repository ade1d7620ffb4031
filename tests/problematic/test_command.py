import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from rich.cells import cell_len

from problematic import cards, claims, listings, triage
from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping
from sync import leases
from sync.models import Customer
from tests.factories import MARCH, TestFactory
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory
from tests.problematic.shell import desk, without_padding
from tests.sync.support import Outcome, finish, start

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-0000-0000-000000000000"

HINT = "Map tests to an event with: manage.py problematic map-tests EVENT ID [ID ...]\n"
EMPTY = "No failed sync events are open. With --all, resolved and cleared ones are listed too.\n"

GOLDEN_LIST = (
    """\
evt_0123456789ab · Open
┌────────────┬─────────────────────────────────────────────────────────────────────────────────────┐
│ Event      │ 01234567-89ab-4def-8123-456789abcdef                                                │
│ Product    │ Shop (41)                                                                           │
│ Positions  │ 100-124 (25 unreadable)                                                             │
│ Attempts   │ 7, seen 4 times, last 2026-03-01 12:00 UTC                                          │
│ Before     │ test 900, ends 2026-03-02 12:00 UTC                                                 │
│ After      │ test 870, ends never                                                                │
│ Mapped     │ 871, 875, 880 (3 tests), 1 stored; the next sync of the product confirms it         │
└────────────┴─────────────────────────────────────────────────────────────────────────────────────┘
evt_fedcba987654 · Open
┌────────────┬─────────────────────────────────────────────────────────────────────────────────────┐
│ Event      │ fedcba98-7654-4321-8765-43210fedcba9                                                │
│ Product    │ Café [b]App[/b] (42)                                                                │
│ Positions  │ 0 (1 unreadable)                                                                    │
│ Attempts   │ 1, seen once 2026-03-01 12:00 UTC                                                   │
│ Before     │ top of the list                                                                     │
│ After      │ end of the list                                                                     │
│ Mapped     │ (none)                                                                              │
└────────────┴─────────────────────────────────────────────────────────────────────────────────────┘
"""
    + HINT
)


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdin", io.StringIO(answer))
        yield


@pytest.fixture
def two_events(db: None) -> list[ProblematicEvent]:
    """Of two products of two customers; three tests are mapped to the first, and one that was stored already."""
    first = ProblematicEventFactory.create(
        event_id=UUID("0123456789ab4def8123456789abcdef"),
        product__id=41,
        product__name="Shop",
        product__customer__name="acme",
        first_position=100,
        last_position=124,
        boundary_before_id=900,
        boundary_after_id=870,
        boundary_after_end_at=None,
        recovery_attempts=7,
        occurrences=4,
        first_seen_at=MARCH - timedelta(days=3),
        last_seen_at=MARCH,
    )
    second = ProblematicEventFactory.create(
        event_id=UUID("fedcba98765443218765 43210fedcba9".replace(" ", "")),
        product__id=42,
        product__name="Café [b]App[/b]",
        product__customer__name="beta",
        first_position=0,
        boundary_before_id=None,
        boundary_before_end_at=None,
        boundary_after_id=None,
        boundary_after_end_at=None,
        first_seen_at=MARCH,
        last_seen_at=MARCH,
    )
    for test_id, state in ((880, "dead"), (871, "queued"), (875, "failed"), (872, "succeeded")):
        ProblematicMappingFactory.create(event=first, test_id=test_id, state=state)
    return [first, second]


def resolve(event: ProblematicEvent) -> None:
    ended = {"status": EventStatus.RESOLVED, "resolved_at": timezone.now(), "resolution": "It was read through."}
    ProblematicEvent.objects.filter(pk=event.pk).update(**ended)


def states() -> dict[int, str]:
    return dict(ProblematicMapping.objects.values_list("test_id", "state"))


# list -----------------------------------------------------------------------------------------------------------------


def test_the_list_shows_every_event_with_its_neighbours_and_mapped_tests(two_events: list[ProblematicEvent]) -> None:
    assert desk("list") == Outcome(0, GOLDEN_LIST, "")


def test_the_list_as_json_is_one_document(two_events: list[ProblematicEvent]) -> None:
    shown = desk("list", "--json")
    first, second = shown.json["events"]
    assert (shown.code, shown.stderr) == (0, "")
    assert first == {
        "event_id": "01234567-89ab-4def-8123-456789abcdef",
        "public_id": "evt_0123456789ab",
        "product_id": 41,
        "customer": "acme",
        "status": "open",
        "first_position": 100,
        "last_position": 124,
        "boundary_before_id": 900,
        "boundary_before_end_at": "2026-03-02T12:00:00Z",
        "boundary_after_id": 870,
        "boundary_after_end_at": None,
        "recovery_attempts": 7,
        "occurrences": 4,
        "first_seen_at": "2026-02-26T12:00:00Z",
        "last_seen_at": "2026-03-01T12:00:00Z",
        "mapped_test_ids": [871, 875, 880],
    }
    assert (second["public_id"], second["product_id"]) == ("evt_fedcba987654", 42)
    assert (second["boundary_before_id"], second["mapped_test_ids"]) == (None, [])


def test_an_empty_list_is_good_news(db: None) -> None:
    assert desk("list") == Outcome(0, EMPTY, "")
    assert desk("list", "--json").json == {"events": []}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [41]),
        (["--all"], [41, 42]),
        (["--product-ids", "42"], []),
        (["--product-ids", "42", "41", "--all"], [41, 42]),
        (["--customer", "beta", "--all"], [42]),
    ],
    ids=str,
)
def test_the_list_can_be_narrowed_and_widened(
    two_events: list[ProblematicEvent], options: list[str], expected: list[int]
) -> None:
    resolve(two_events[1])
    assert [event["product_id"] for event in desk("list", "--json", *options).json["events"]] == expected


def test_resolved_events_say_why(two_events: list[ProblematicEvent]) -> None:
    resolve(two_events[1])
    shown = desk("list", "--all", "--customer", "beta")
    assert "evt_fedcba987654 · Resolved" in shown.stdout
    assert "│ Resolution │ It was read through." in shown.stdout


def test_an_unknown_customer_is_refused_by_name(two_events: list[ProblematicEvent]) -> None:
    assert desk("list", "--customer", "gamma").code == 1


@pytest.mark.parametrize(
    ("options", "whose"),
    [
        (["--product-ids", "41", "9999", "77"], "There is no product 77, 9999."),
        (["--customer", "acme", "--product-ids", "42"], "Customer acme has no product 42."),
    ],
    ids=["nobodys", "anothers"],
)
@pytest.mark.parametrize("action", [["list"], ["list", "--json"], ["clear", "--yes"], ["clear"]], ids=str)
def test_a_product_nobody_knows_is_wrong_usage_and_not_good_news(
    two_events: list[ProblematicEvent], action: list[str], options: list[str], whose: str
) -> None:
    outcome = desk(*action, *options)
    assert (outcome.code, whose in outcome.stderr) == (2, True)
    assert ProblematicEvent.objects.open().count() == 2


def test_what_is_stored_is_listed_until_the_next_sync_confirms_it(event: ProblematicEvent) -> None:
    ProblematicMappingFactory.create_batch(2, event=event, state="succeeded")
    shown = desk("list")
    assert "│ Mapped     │ 2 stored; the next sync of the product confirms it " in shown.stdout
    assert desk("list", "--json").json["events"][0]["mapped_test_ids"] == []
    resolve(event)
    assert "│ Mapped     │ 2 stored    " in desk("list", "--all").stdout


def test_a_card_has_the_same_width_whatever_stands_on_it(event: ProblematicEvent) -> None:
    event.product.name = "買い物 \x1b[31mwith\ttabs\nand lines " + "x" * 200
    event.resolution = "word " * 60
    shown = listings.with_stored(listings.with_mapped(ProblematicEvent.objects.all())).get()
    shown.product, shown.resolution = event.product, event.resolution
    for width in (40, 80, 100):
        title, *lines = cards.card(shown, width).splitlines()
        assert title == f"{event} · Open"
        assert {cell_len(line) for line in lines} == {width}
        assert "\x1b" not in "".join(lines)
        assert "".join(lines).count("word") == 60


def test_the_list_works_while_products_are_written(two_events: list[ProblematicEvent]) -> None:
    leases.acquire([41, 42], uuid4())
    assert desk("list").stdout == GOLDEN_LIST


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_list_takes_the_same_queries_however_long_it_is(
    db: None, count: int, django_assert_num_queries: Any
) -> None:
    for event in ProblematicEventFactory.create_batch(count):
        ProblematicMappingFactory.create_batch(2, event=event)
    customers = list(Customer.objects.all())
    with django_assert_num_queries(1):
        found = list(listings.documents(listings.events(customers)))
    assert [len(event["mapped_test_ids"]) for event in found] == [2] * count


@pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
def test_no_list_is_cut(db: None, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("problematic.listings._CHUNK", 2)
    monkeypatch.setattr("problematic.management.commands.problematic._CARDS", 2)
    made = ProblematicEventFactory.create_batch(7)
    shown = desk("list", *options).stdout
    assert [shown.count(str(event.pk)) for event in made] == [1] * 7
    assert shown.count(HINT) == (0 if options else 1)


# map-tests, unmap, suggest --------------------------------------------------------------------------------------------


def test_tests_are_mapped_as_they_were_pasted(event: ProblematicEvent) -> None:
    done = desk("map-tests", str(event), "12,345", "#6", "12\n78")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == (
        f"Event {event}: 4 mapped, 0 queued again, 0 as before. "
        f"Fetch them with: manage.py problematic retry --event {event}\n"
    )
    assert states() == dict.fromkeys((12, 345, 6, 78), "queued")
    assert event.history.get().by is None


def test_mapping_again_changes_nothing(event: ProblematicEvent) -> None:
    assert desk("map-tests", str(event.pk), "1", "2", "--json").json == {
        "event_id": str(event.pk),
        "added": [1, 2],
        "revived": [],
    }
    again = desk("map-tests", event.public_id[:8], "1", "2", "--json")
    assert (again.code, again.json["added"]) == (0, [])
    assert len(states()) == 2


def test_mapping_and_unmapping_need_no_lease(event: ProblematicEvent) -> None:
    leases.acquire([event.product_id], uuid4())
    assert desk("map-tests", str(event), "1", "2").code == 0
    assert desk("unmap", str(event), "1,7", "--json").json == {"event_id": str(event.pk), "removed": [1]}
    assert desk("unmap", str(event), "2").stdout == f"Event {event}: 1 unmapped.\n"
    assert states() == {}


@pytest.mark.parametrize("action", ["map-tests", "unmap"])
@pytest.mark.parametrize("ids", [["abc"], ["1", "x2"], ["-5"], ["0"], []], ids=str)
def test_what_is_no_test_id_is_wrong_usage(event: ProblematicEvent, action: str, ids: list[str]) -> None:
    outcome = desk(action, str(event), *ids)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert states() == {}


@pytest.mark.parametrize(
    "arguments",
    [["map-tests", "{}", "5"], ["unmap", "{}", "5"], ["suggest", "{}"], ["retry", "--event", "{}"]],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (UNKNOWN, f'There is no problematic event "{UNKNOWN}".'),
        ("run_01", '"run_01" is no id of a problematic event: give evt_… or the UUID, or the beginning of either.'),
    ],
    ids=["unknown", "odd"],
)
def test_an_unknown_event_is_refused_and_nothing_is_written(
    event: ProblematicEvent, arguments: list[str], name: str, sentence: str
) -> None:
    outcome = desk(*(name if each == "{}" else each for each in arguments))
    assert (outcome.code, outcome.stdout) == (1, "")
    assert sentence in outcome.stderr
    assert states() == {}


def test_nothing_is_mapped_to_a_resolved_event(event: ProblematicEvent) -> None:
    resolve(event)
    outcome = desk("map-tests", str(event), "5")
    assert outcome.code == 1
    assert f"Event {event} is resolved: It was read through. Nothing needs to be mapped to it." in outcome.stderr


def test_a_test_that_is_being_retried_cannot_be_unmapped_now(event: ProblematicEvent) -> None:
    claims.claim(ProblematicMappingFactory.create(event=event, test_id=5).pk, "somebody")
    outcome = desk("unmap", str(event), "5")
    assert outcome.code == 75
    assert "Test 5 is being retried right now." in outcome.stderr
    refused = desk("unmap", str(event), "5", "--json").json
    said = "Test 5 is being retried right now. Wait for the result, then unmap it."
    assert refused == {"status": "busy", "retry_after": 10, "detail": said, "exit_code": 75}
    assert states() == {5: "running"}


def test_suggestions_come_with_their_reasons(event: ProblematicEvent) -> None:
    TestFactory.create(id=777, product=event.product, title="Checkout", end_at=MARCH)
    shown = desk("suggest", str(event))
    assert (shown.code, shown.stderr) == (0, "")
    assert f"May be hidden in {event} (unreadable there: 1)" in shown.stdout
    assert "777" in shown.stdout
    assert "Checkout" in shown.stdout
    assert shown.stdout.endswith(HINT)
    [suggestion] = desk("suggest", str(event), "--json").json["suggestions"]
    assert (suggestion["test_id"], suggestion["title"], suggestion["end_at"], suggestion["bugs"]) == (
        777,
        "Checkout",
        "2026-03-01T12:00:00Z",
        0,
    )
    assert suggestion["reason"].startswith("Known since ")
    assert states() == {}


def test_where_nothing_hints_at_anything_that_is_said(event: ProblematicEvent) -> None:
    assert desk("suggest", str(event)) == Outcome(
        0, f"Nothing in the database hints at what is hidden in {event}. Look it up in TestIO.\n", ""
    )
    assert desk("suggest", str(event), "--json").json == {"suggestions": []}


def test_after_a_retry_suggest_says_what_is_stored_and_what_still_waits(event: ProblematicEvent) -> None:
    ProblematicMappingFactory.create(event=event, state="succeeded")
    stored = f"1 test is mapped to {event} and stored; the next sync of the product confirms it."
    assert desk("suggest", str(event)).stdout == f"{stored} Nothing in the database hints at others.\n"
    ProblematicMappingFactory.create_batch(2, event=event)
    waiting = f"2 tests are mapped to {event} and not stored yet."
    assert desk("suggest", str(event)).stdout == f"{stored} {waiting} Nothing in the database hints at others.\n"
    resolve(event)
    ended = f"Event {event} is resolved: It was read through. Nothing in the database hints at what was hidden.\n"
    assert desk("suggest", str(event)).stdout == ended


# clear ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "cleared"), [("y\n", True), ("YES\n", True), ("no\n", False), ("\n", False)])
def test_clearing_asks_first(
    two_events: list[ProblematicEvent], monkeypatch: pytest.MonkeyPatch, answer: str, *, cleared: bool
) -> None:
    with answering(monkeypatch, answer):
        outcome = desk("clear")
    assert outcome.stderr.startswith("Clear 2 events (2 still open) with 4 mapped test ids? [y/N] ")
    assert ProblematicEvent.objects.open().count() == (0 if cleared else 2)
    if cleared:
        assert (outcome.code, outcome.stdout) == (0, "Cleared 2 position ranges with 4 mapped ids.\n")
    else:
        assert (outcome.code, outcome.stdout) == (1, "")
        assert outcome.stderr.endswith("Nothing was cleared.\n")


class Answer:
    """Somebody who takes a while to say yes, while something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def readline(self) -> str:
        self._meanwhile()
        return "y\n"


def test_what_was_found_while_clear_waited_for_the_answer_stays(
    two_events: list[ProblematicEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(two_events[1])
    found: list[ProblematicEvent] = []
    meanwhile = Answer(lambda: found.append(ProblematicEventFactory.create(product=two_events[0].product)))
    monkeypatch.setattr("sys.stdin", meanwhile)
    outcome = desk("clear")
    assert outcome == Outcome(
        0,
        "Cleared 2 position ranges with 4 mapped ids.\n",
        "Clear 2 events (1 still open) with 4 mapped test ids? [y/N] ",
    )
    assert list(ProblematicEvent.objects.open()) == found


def test_an_event_whose_mapped_tests_changed_while_clear_waited_is_left_out_and_named(
    two_events: list[ProblematicEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = two_events[1]
    monkeypatch.setattr("sys.stdin", Answer(lambda: triage.map_tests(second, [5])))
    outcome = desk("clear", "--json")
    assert (outcome.code, outcome.json) == (3, {"position_ranges_cleared": 1, "test_ids_cleared": 4})
    said = f"What is mapped to {second} changed meanwhile, so it stays. Look again, then clear.\n"
    assert outcome.stderr.endswith(f"? [y/N] {said}")
    assert (states(), list(ProblematicEvent.objects.open())) == ({5: "queued"}, [second])


def test_a_clear_of_nothing_but_what_changed_meanwhile_is_refused(
    event: ProblematicEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Answer(lambda: triage.map_tests(event, [5])))
    outcome = desk("clear")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert f"What is mapped to {event} changed meanwhile, so it stays." in outcome.stderr
    assert (states(), event.history.filter(action="cleared").exists()) == ({5: "queued"}, False)


def test_clearing_with_nobody_to_answer_changes_nothing(
    two_events: list[ProblematicEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(monkeypatch, ""):
        outcome = desk("clear")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "Say --yes if you are sure." in outcome.stderr
    assert len(states()) == 4


def test_clearing_says_what_went(two_events: list[ProblematicEvent]) -> None:
    assert desk("clear", "--yes", "--json") == Outcome(0, '{"position_ranges_cleared": 2, "test_ids_cleared": 4}\n', "")
    assert states() == {}
    assert desk("list").stdout == EMPTY
    assert desk("clear", "--yes") == Outcome(0, "There is nothing to clear.\n", "")
    assert desk("clear", "--json").json == {"position_ranges_cleared": 0, "test_ids_cleared": 0}


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--product-ids", "41"], [42]),
        (["--customer", "beta"], [41]),
        (["--resolved-only"], [41]),
        (["--customer", "acme", "--resolved-only"], [41, 42]),
    ],
    ids=str,
)
def test_clearing_can_be_narrowed(two_events: list[ProblematicEvent], options: list[str], left: list[int]) -> None:
    resolve(two_events[1])
    assert desk("clear", "--yes", *options).code == 0
    kept = ProblematicEvent.objects.exclude(status=EventStatus.CLEARED)
    assert sorted(kept.values_list("product_id", flat=True)) == left


def test_clearing_waits_for_no_sync(two_events: list[ProblematicEvent]) -> None:
    leases.acquire([42], uuid4())
    outcome = desk("clear", "--yes")
    assert (outcome.code, outcome.stdout) == (75, "")
    assert "Sync in progress. Retry in " in outcome.stderr
    assert ProblematicEvent.objects.open().count() == 2
    assert len(states()) == 4


def test_what_is_being_retried_is_not_cleared_and_said(two_events: list[ProblematicEvent]) -> None:
    first = two_events[0]
    claims.claim(first.mappings.get(test_id=875).pk, "somebody")
    outcome = desk("clear", "--yes", "--json")
    assert (outcome.code, outcome.json) == (3, {"position_ranges_cleared": 1, "test_ids_cleared": 0})
    assert (
        outcome.stderr == f"Left out {first}. Test 875 is being retried right now. Wait for the result, then clear.\n"
    )
    assert len(states()) == 4
    again = desk("clear", "--yes")
    assert (again.code, again.stdout) == (75, "")
    assert "Test 875 is being retried right now." in again.stderr
    assert ProblematicEvent.objects.open().get() == first


@pytest.mark.parametrize("step", ["clear", "unmap"])
def test_a_claim_whose_worker_is_gone_stands_in_nobodys_way(event: ProblematicEvent, step: str) -> None:
    claims.claim(ProblematicMappingFactory.create(event=event, test_id=5).pk, "dead")
    ProblematicMapping.objects.update(pid=None)
    arguments = ["clear", "--yes"] if step == "clear" else ["unmap", str(event), "5"]
    assert desk(*arguments).code == 0
    assert states() == {}


# The command itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["retry"], ["retry", "1", "--all"], ["retry", "x"], ["retry", "--event"], [], ["explode"], ["list", "--verbose"]],
    ids=str,
)
def test_a_command_that_makes_no_sense_is_wrong_usage(db: None, arguments: list[str]) -> None:
    assert desk(*arguments).code == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_works_from_a_shell(two_events: list[ProblematicEvent], database_url: str) -> None:
    shown = finish(start(database_url, "problematic", "list"))
    assert (shown.code, without_padding(shown.stdout)) == (0, GOLDEN_LIST)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
def test_a_reader_who_has_seen_enough_of_a_list_ends_it_without_a_word(database_url: str, options: list[str]) -> None:
    ProblematicEventFactory.create_batch(150)
    with start(database_url, "problematic", "list", *options) as listing:
        assert listing.stdout
        assert listing.stdout.read(1)
        listing.stdout.close()
        assert listing.stderr
        assert (listing.stderr.read(), listing.wait(60)) == ("", 128 + signal.SIGPIPE)
