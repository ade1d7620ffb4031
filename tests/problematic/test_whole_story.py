"""What an operator does, command by command, from a sync with unreadable tests to a clean desk."""

import pytest

from problematic.models import ProblematicEvent, ProblematicMapping
from sync.models import Bug, Customer, Test
from sync.sandbox import World
from sync.sandbox.comparison import compare
from tests.problematic.shell import desk, manage
from tests.sync.support import free_leases


def bugs_of(test_id: int) -> set[int]:
    return set(Bug.objects.filter(test=test_id).values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_from_unreadable_tests_to_a_clean_desk(customer: Customer, world: World, product_id: int) -> None:
    # All is well. Then two adjacent tests break, and a new one with two bugs that nobody has ever read.
    assert manage("sync").code == 0
    order = world.tests_of(product_id)
    adjacent = order[10:12]
    [new] = world.insert_tests(product_id, bugs=2)
    for test_id in adjacent:
        world.change_test(test_id, title=f"Test {test_id}, repaired")
    world.break_records(tests=[new, *adjacent])

    # The next sync goes on around them: two events, with exact positions and neighbours.
    assert manage("sync", "--full").code == 3
    [top, middle] = desk("list", "--json").json["events"]
    assert (top["first_position"], top["last_position"]) == (0, 0)
    assert (top["boundary_before_id"], top["boundary_after_id"]) == (None, order[0])
    assert (middle["first_position"], middle["last_position"]) == (11, 12)
    assert (middle["boundary_before_id"], middle["boundary_after_id"]) == (order[9], order[12])
    assert {top["product_id"], middle["product_id"]} == {product_id}
    shown = desk("list").stdout
    assert shown.count("(none)") == 2
    assert "Positions  │ 11-12 (2 unreadable)" in shown

    # Suggestions name those known before, and the one that only its bugs mention. Nothing is mapped by that.
    suggested = desk("suggest", middle["public_id"], "--json").json["suggestions"]
    assert [each["test_id"] for each in suggested[:2]] == adjacent
    assert "between the two neighbours" in suggested[0]["reason"]
    mentioned = {each["test_id"]: each for each in desk("suggest", top["public_id"], "--json").json["suggestions"]}
    assert mentioned[new]["bugs"] == 2
    assert not ProblematicMapping.objects.exists()

    # The operator maps them.
    assert desk("map-tests", middle["public_id"], ", ".join(map(str, adjacent))).code == 0
    assert desk("map-tests", top["event_id"], str(new)).code == 0
    assert [event["mapped_test_ids"] for event in desk("list", "--json").json["events"]] == [[new], sorted(adjacent)]

    # A retry while TestIO is still broken keeps everything and shows the errors.
    tried = desk("retry", str(product_id))
    assert tried.code == 3
    assert tried.stdout.startswith("Retried 3: 0 succeeded, 3 failed.\n")
    for test_id in (new, *adjacent):
        assert f"- Test {test_id}: TestIO still cannot read it (500)." in tried.stdout
    assert f"Mapped     │ {min(adjacent)}, {max(adjacent)} (2 tests)" in desk("list").stdout

    # TestIO repairs them; the retry brings them in with their bugs.
    world.repair()
    done = desk("retry", "--all", "--json")
    assert (done.code, done.json) == (
        0,
        {"tests_retried": 3, "tests_succeeded": 3, "tests_failed": 0, "errors": []},
    )
    for test_id in (new, *adjacent):
        assert Test.objects.get(pk=test_id).product_id == product_id
        assert bugs_of(test_id) == set(world.bugs_of(test_id))
    assert Test.objects.get(pk=adjacent[0]).title == f"Test {adjacent[0]}, repaired"
    assert len(bugs_of(new)) == 2
    assert set(ProblematicMapping.objects.values_list("state", flat=True)) == {"succeeded"}
    assert compare(world, customer).is_complete

    # The events stay open until a walk has read the range clean. Then they resolve themselves and say so.
    assert [event["mapped_test_ids"] for event in desk("list", "--json").json["events"]] == [[], []]
    assert desk("retry", "--all").stdout == "Everything mapped there is stored already, so nothing was retried.\n"
    assert manage("sync", "--full").code == 0
    assert desk("list").stdout.startswith("No failed sync events")
    resolved = desk("list", "--all", "--json").json["events"]
    assert [(event["status"], event["recovery_attempts"]) for event in resolved] == [("resolved", 3), ("resolved", 5)]
    assert "A sync read through this place: nothing is hidden here any more." in desk("list", "--all").stdout

    # Put away, with their whole history kept.
    assert desk("clear", "--yes", "--resolved-only").stdout == "Cleared 2 position ranges with 3 mapped ids.\n"
    for event in ProblematicEvent.objects.all():
        assert [entry.action for entry in event.history.all()] == ["found", "mapped", "resolved", "cleared"]
        assert [each.outcome for each in event.attempts.all()].count("succeeded") == event.size
    assert desk("clear", "--yes").stdout == "There is nothing to clear.\n"
    assert free_leases()
