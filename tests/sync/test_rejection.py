import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.testio.rejection import SENTENCES, rejection_reason


@pytest.mark.parametrize("reason", SENTENCES)
@pytest.mark.parametrize(
    "wording",
    [
        "{}",
        "<p>{}</p>",
        "Hello,<br/>thank you.<div class='reason'><p>{}</p></div>Best regards",
        "Thanks for testing! {} We look forward to your next report.",
        "  \n{}\t",
    ],
)
def test_a_standard_sentence_names_the_reason(reason: str, wording: str) -> None:
    assert rejection_reason([wording.format(SENTENCES[reason])]) == reason


@pytest.mark.parametrize(
    "body",
    [
        "THIS IS A LEGIT BUG\n  but&nbsp;already\u00a0known.",
        "This is a <b>legit</b> bug but already <i>known</i>.",
        "Sum < 3. This is a legit bug but already known. Sum > 5",
        "&lt;p&gt;This is a legit bug but already known.&lt;/p&gt;",
    ],
)
def test_html_case_and_line_breaks_do_not_hide_it(body: str) -> None:
    assert rejection_reason([body]) == "known_bug"


@pytest.mark.parametrize("apostrophe", ["'", "’", "&#39;", "&rsquo;"])
def test_any_apostrophe_will_do(apostrophe: str) -> None:
    body = f"It was rejected automatically, because you didn{apostrophe}t respond to the request within 24 hours."
    assert rejection_reason([body]) == "request_timeout"


def test_the_first_comment_with_a_sentence_counts() -> None:
    assert rejection_reason(["Hm.", SENTENCES["irrelevant"], SENTENCES["known_bug"]]) == "irrelevant"


@pytest.mark.parametrize(
    "body",
    ["", "known_bug", "This is a legit bug, thank you!", "This bug is relevant and will be fixed.", "<not a tag"],
)
def test_what_only_sounds_like_a_rejection_is_none(body: str) -> None:
    assert rejection_reason([body]) == ""


def test_a_comment_full_of_angle_brackets_costs_no_time() -> None:
    began = time.monotonic()
    assert rejection_reason(["<a" * 200_000, "<!" * 200_000]) == ""
    assert time.monotonic() - began < 2


@settings(deadline=None)
@given(st.lists(st.text()), st.sampled_from(sorted(SENTENCES)), st.text(), st.text())
def test_whatever_stands_around_it_the_sentence_is_found(before: list[str], reason: str, head: str, tail: str) -> None:
    body = f"{head.replace('<', '')} {SENTENCES[reason]} {tail.replace('>', '')}"
    found = rejection_reason([*before, body])
    assert found == (rejection_reason(before) or reason)
