import pytest

from sync import wording


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("forwarded", "open"), ("accepted", "accepted"), ("auto_accepted", "auto_accepted"), ("rejected", "rejected")],
)
def test_a_bug_status_is_shown_in_the_words_people_use_and_found_again(stored: str, shown: str) -> None:
    assert wording.shown_bug_status(stored) == shown
    assert wording.stored_bug_status(shown) == stored


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("external", "custom"), (None, "test case"), ("coverage", "coverage"), ("usability", "usability")],
)
def test_a_testing_type_is_shown_in_the_words_people_use_and_found_again(stored: str | None, shown: str) -> None:
    assert wording.shown_testing_type(stored) == shown
    assert wording.stored_testing_type(shown) == stored


def test_every_known_word_comes_back_as_itself() -> None:
    types = [wording.stored_testing_type(wording.shown_testing_type(word)) for word in wording.TESTING_TYPES]
    statuses = [wording.stored_bug_status(wording.shown_bug_status(word)) for word in wording.BUG_STATUSES]
    assert (tuple(types), tuple(statuses)) == (wording.TESTING_TYPES, wording.BUG_STATUSES)


def test_a_word_testio_invents_is_shown_as_it_is() -> None:
    assert wording.shown_bug_status("postponed") == "postponed"
    assert wording.shown_testing_type("marathon") == "marathon"


def test_case_blanks_and_stored_words_are_understood() -> None:
    assert [wording.stored_bug_status(word) for word in (" Open ", "forwarded")] == ["forwarded", "forwarded"]
    assert [wording.stored_testing_type(word) for word in ("Test-Case", "test_case")] == [None, None]
    assert [wording.stored_testing_type(word) for word in ("CUSTOM", "external")] == ["external", "external"]
