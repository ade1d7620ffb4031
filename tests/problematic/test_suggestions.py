from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from problematic.models import ProblematicEvent, ProblematicMapping
from problematic.suggestions import Suggestion, as_json, suggest
from sync.models import Test
from tests.factories import MARCH, BugFactory, ProductFactory, TestFactory, TestFreshnessFactory
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory

pytestmark = pytest.mark.django_db

NEWEST, OLDEST = MARCH + timedelta(days=10), MARCH - timedelta(days=10)


@pytest.fixture
def event() -> ProblematicEvent:
    """Two unreadable tests between test 90, which ends on 11 March, and test 70, which ends on 19 February."""
    return ProblematicEventFactory.create(
        first_position=4,
        last_position=5,
        boundary_before_id=90,
        boundary_before_end_at=NEWEST,
        boundary_after_id=70,
        boundary_after_end_at=OLDEST,
    )


def known(event: ProblematicEvent, test_id: int, end_at: datetime | None, **fields: object) -> Test:
    return TestFactory.create(id=test_id, product=event.product, end_at=end_at, **fields)


def ids(event: ProblematicEvent) -> list[int]:
    return [suggestion.test_id for suggestion in suggest(event)]


def mention(event: ProblematicEvent, test_id: int, count: int = 1, **fields: object) -> None:
    for _ in range(count):
        BugFactory.create(test=None, product=event.product, mentioned_test_id=test_id, **fields)


def test_a_test_known_before_and_hidden_now_between_the_neighbours_is_suggested(event: ProblematicEvent) -> None:
    test = known(event, 80, MARCH, title="Checkout")
    assert suggest(event) == [
        Suggestion(
            80,
            f"Known since {test.first_seen_at:%Y-%m-%d}. It ends on 2026-03-01 12:00 UTC, between the two neighbours, "
            "where the last sync could not read.",
            "Checkout",
            MARCH,
        )
    ]


def test_the_order_is_that_of_the_list(event: ProblematicEvent) -> None:
    known(event, 81, MARCH - timedelta(days=1))
    known(event, 80, MARCH)
    known(event, 82, MARCH)
    assert ids(event) == [82, 80, 81]


def test_what_lies_elsewhere_or_is_gone_is_not_suggested(event: ProblematicEvent) -> None:
    known(event, 90, NEWEST)
    known(event, 70, OLDEST)
    known(event, 91, NEWEST + timedelta(seconds=1))
    known(event, 69, OLDEST - timedelta(seconds=1))
    known(event, 83, None)
    known(event, 84, MARCH, missing_since=timezone.now())
    TestFactory.create(id=85, end_at=MARCH)
    assert ids(event) == []


def test_a_test_that_ends_together_with_a_neighbour_is_suggested_as_less_sure(event: ProblematicEvent) -> None:
    known(event, 88, NEWEST)
    known(event, 80, MARCH)
    known(event, 72, OLDEST)
    first, *others = suggest(event)
    assert first.test_id == 80
    assert [(other.test_id, "together with a neighbour" in other.reason) for other in others] == [
        (88, True),
        (72, True),
    ]


def test_ties_are_left_out_where_enough_is_surely_hidden(event: ProblematicEvent) -> None:
    known(event, 88, NEWEST)
    known(event, 80, MARCH)
    known(event, 79, MARCH)
    assert ids(event) == [80, 79]


@pytest.mark.parametrize("neighbour", ["boundary_before_end_at", "boundary_after_end_at"])
def test_a_neighbour_without_an_end_says_nothing_about_ends(event: ProblematicEvent, neighbour: str) -> None:
    known(event, 80, MARCH)
    setattr(event, neighbour, None)
    assert ids(event) == []


def test_at_the_top_everything_newer_than_the_neighbour_may_be_hidden(event: ProblematicEvent) -> None:
    event.boundary_before_id = event.boundary_before_end_at = None
    known(event, 95, NEWEST + timedelta(days=99))
    known(event, 69, OLDEST - timedelta(days=1))
    assert ids(event) == [95]


def test_at_the_end_everything_older_than_the_neighbour_may_be_hidden(event: ProblematicEvent) -> None:
    event.boundary_after_id = event.boundary_after_end_at = None
    known(event, 95, NEWEST + timedelta(days=1))
    known(event, 60, OLDEST - timedelta(days=99))
    assert ids(event) == [60]


def test_a_test_whose_own_address_cannot_be_read_is_suggested_also_without_an_end(event: ProblematicEvent) -> None:
    since = timezone.now()
    for test_id, end in ((80, None), (95, NEWEST + timedelta(days=1)), (60, OLDEST - timedelta(days=1))):
        TestFreshnessFactory.create(test=known(event, test_id, end), unreadable_since=since)
    TestFreshnessFactory.create(test=known(event, 81, None), unreadable_since=None)
    [suggestion] = suggest(event)
    assert suggestion.test_id == 80
    assert suggestion.reason.endswith(f"Its own address answers 500 since {since:%Y-%m-%d %H:%M} UTC.")


def test_test_ids_that_only_bugs_mention_are_suggested_with_the_bugs(event: ProblematicEvent) -> None:
    mention(event, 80, 2, reported_at=MARCH)
    mention(event, 81, 3, reported_at=NEWEST + timedelta(days=1))
    mention(event, 82, 1, reported_at=None)
    found = suggest(event)
    assert [(each.test_id, each.bugs) for each in found] == [(80, 2), (81, 3), (82, 1)]
    why = "No list shows it, but this product has bugs that mention it"
    assert [each.reason for each in found] == [
        f"{why} (2, reported from 2026-03-01 to 2026-03-01, which fits between the neighbours).",
        f"{why} (3, reported from 2026-03-12 to 2026-03-12).",
        f"{why} (1).",
    ]


def test_bugs_that_hint_at_nothing_are_passed_over(event: ProblematicEvent) -> None:
    BugFactory.create(test__product=event.product)  # its test is known
    BugFactory.create(test=None, product=event.product, mentioned_test_id=None)
    BugFactory.create(test=None, product=ProductFactory.create(), mentioned_test_id=80)
    mention(event, 81, missing_since=timezone.now())
    assert [each for each in suggest(event) if each.bugs] == []


def test_what_is_mapped_already_is_not_suggested(event: ProblematicEvent) -> None:
    known(event, 80, MARCH)
    TestFreshnessFactory.create(test=known(event, 81, None), unreadable_since=timezone.now())
    mention(event, 82)
    for test_id in (80, 81, 82):
        ProblematicMappingFactory.create(event=event, test_id=test_id)
    assert ids(event) == []


def test_a_mentioned_test_that_somebody_put_into_another_gap_is_not_suggested_again(event: ProblematicEvent) -> None:
    mention(event, 80)
    known(event, 81, MARCH)
    other = ProblematicEventFactory.create(product=event.product)
    for test_id in (80, 81):
        ProblematicMappingFactory.create(event=other, test_id=test_id)
    assert ids(event) == [81]  # its end says where it lies, whatever somebody thought


def test_a_test_is_suggested_once_with_the_strongest_reason(event: ProblematicEvent) -> None:
    TestFreshnessFactory.create(test=known(event, 80, MARCH), unreadable_since=timezone.now())
    mention(event, 80)
    [suggestion] = suggest(event)
    assert "between the two neighbours" in suggestion.reason


def test_suggesting_maps_nothing(event: ProblematicEvent) -> None:
    known(event, 80, MARCH)
    mention(event, 81)
    assert ids(event) == [80, 81]
    assert not ProblematicMapping.objects.exists()
    assert not event.history.exists()


def test_a_suggestion_as_json_has_every_field() -> None:
    assert as_json(Suggestion(80, "why", "Checkout", MARCH, 2)) == {
        "test_id": 80,
        "reason": "why",
        "title": "Checkout",
        "end_at": MARCH,
        "bugs": 2,
    }
