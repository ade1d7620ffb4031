from collections.abc import Iterator

import pytest
from django.test import Client

from sync.admin import searching
from sync.models import Bug
from tests.factories import BugFactory
from tests.sync.admin.pages import list_page, listed

pytestmark = pytest.mark.django_db


@pytest.fixture
def narrow_window(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(searching, "WINDOW", 2)
    return iter((2,))


def _found(client: Client, text: str, also: str = "") -> list[object]:
    return listed(client, f"{list_page(Bug)}?q={text}{also}")


def test_a_number_is_the_id_of_a_bug_or_of_its_test(admin_client: Client) -> None:
    first, second = BugFactory.create_batch(2)
    assert _found(admin_client, str(first.pk)) == [first.pk]
    assert _found(admin_client, str(second.test_id)) == [second.pk]


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 5000])
def test_a_number_that_is_no_id_finds_nothing(admin_client: Client, number: str) -> None:
    BugFactory.create()
    assert _found(admin_client, number) == []


def test_all_words_must_be_in_the_title_in_any_order_and_case(admin_client: Client) -> None:
    bug = BugFactory.create(title="Pay button does nothing")
    BugFactory.create(title="Pay page is blank")
    assert _found(admin_client, "NOTHING+pay") == [bug.pk]


@pytest.mark.parametrize("text", ["100%25", "a_b", "o'hara", "x\\y"])
def test_signs_that_mean_something_to_the_database_are_only_signs(admin_client: Client, text: str) -> None:
    bug = BugFactory.create(title="100% a_b o'hara x\\y")
    BugFactory.create(title="1000 axb ohara xzy")
    assert _found(admin_client, text) == [bug.pk]


@pytest.mark.usefixtures("narrow_window")
def test_words_are_looked_for_in_the_newest_rows_of_what_the_filters_leave(admin_client: Client) -> None:
    old, *_ = BugFactory.create_batch(3, title="Blank page")
    BugFactory.create(title="Something else")
    assert old.pk not in _found(admin_client, "blank")
    assert _found(admin_client, "blank", f"&test__id__exact={old.test_id}") == [old.pk]
