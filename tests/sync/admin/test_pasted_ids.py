"""Ids pasted into the search box of a list: exactly those are found, and what is not there is said."""

import re
from uuid import UUID

import pytest
from django.test import Client

from sync.models import Bug, SyncEvent, Test
from tests.factories import BugFactory, SyncEventFactory, TestFactory
from tests.sync.admin.pages import list_page, listed, shown

pytestmark = pytest.mark.django_db


def found(client: Client, model: type, text: str, **more: str) -> tuple[set[object], str]:
    """The rows, and what is said about ids that are not among them."""
    page = client.get(list_page(model), {"q": text, **more})
    said = re.findall(r'role="status"[^>]*>([^<]*)</p>', page.content.decode())
    return {row.pk for row in page.context["cl"].result_list}, " ".join(said)


def test_pasted_ids_find_exactly_their_tests_and_the_others_are_named(admin_client: Client) -> None:
    first, second, _ = TestFactory.create_batch(3)
    text = f"{first.pk}; #99 https://example.org/tests/{second.pk}, T-98 B-{first.pk}"
    assert found(admin_client, Test, text) == ({first.pk, second.pk}, f"Not found: #99, T-98, B-{first.pk}.")


def test_an_id_that_only_the_filters_leave_out_is_said_to_be_there(admin_client: Client) -> None:
    locked = TestFactory.create(status="locked")
    running = TestFactory.create(status="running")
    said = f"Not found: 7. Left out by the filters: {running.pk}."
    assert found(admin_client, Test, f"{locked.pk} {running.pk} 7", status="locked") == ({locked.pk}, said)


def test_a_number_finds_bugs_and_the_bugs_of_a_test_and_a_letter_says_which(admin_client: Client) -> None:
    bug, of_test = BugFactory.create_batch(2)
    assert found(admin_client, Bug, f"{bug.pk} {of_test.test_id}") == ({bug.pk, of_test.pk}, "")
    assert found(admin_client, Bug, f"T-{of_test.test_id}") == ({of_test.pk}, "")
    assert found(admin_client, Bug, f"B-{of_test.test_id}") == (set(), f"Not found: B-{of_test.test_id}.")


def test_bugs_are_found_by_ids_pasted_as_json_or_in_quotes(admin_client: Client) -> None:
    first, second, _ = BugFactory.create_batch(3)
    for text in (
        f"[{first.pk}, {second.pk}, 7]",
        f'"{first.pk}", "{second.pk}", "7"',
        f"'{first.pk}' '{second.pk}' '7'",
    ):
        assert found(admin_client, Bug, text) == ({first.pk, second.pk}, "Not found: 7."), text


def test_runs_are_found_by_public_ids_and_addresses(admin_client: Client) -> None:
    first = SyncEventFactory.create(event_id=UUID("a1000000-0000-4000-8000-000000000000"))
    second = SyncEventFactory.create(event_id=UUID("b2000000-0000-4000-8000-000000000000"))
    text = f"{first.public_id}, https://example.org/runs/{second.pk}/ run_ffff evt_a1"
    assert found(admin_client, SyncEvent, text) == ({first.pk, second.pk}, "Not found: run_ffff, evt_a1.")


def test_words_are_words_also_beside_numbers(admin_client: Client) -> None:
    test = TestFactory.create(title="Release 12: cafe")
    assert found(admin_client, Test, "cafe 12") == ({test.pk}, "")
    assert found(admin_client, Test, "cafe") == ({test.pk}, "")


def test_more_ids_than_anybody_means_are_cut_and_that_is_said(admin_client: Client) -> None:
    test = TestFactory.create(pk=5)
    rows, said = found(admin_client, Test, " ".join(map(str, range(1, 1_011))))
    assert rows == {test.pk}
    assert said.endswith("and 979 more. Only the first 1,000 ids were looked for; 10 more were not.")


def test_what_was_pasted_is_shown_inert(admin_client: Client) -> None:
    assert "<script>alert" not in shown(admin_client, f"{list_page(Test)}?q=https://x/tests/9?<script>alert(1)")
    assert listed(admin_client, f"{list_page(Test)}?q=https://x/tests/9?<script>alert(1)") == []
