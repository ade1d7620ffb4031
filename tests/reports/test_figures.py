from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from reports import figures
from reports.figures import BugCounts

STATUSES = ("accepted", "auto_accepted", "rejected", "forwarded", "postponed", "")


def test_the_five_rates_of_known_bugs() -> None:
    counts = BugCounts.of(["accepted"] * 4 + ["auto_accepted"] + ["rejected"] * 2 + ["forwarded"] * 2 + ["postponed"])
    assert (counts.total, counts.total_accepted, counts.reviewed, counts.open, counts.other) == (10, 5, 6, 2, 1)
    assert counts.rates() == {
        "overall_acceptance": 0.5,
        "active_acceptance": 0.4,
        "auto_acceptance": 0.2,
        "rejection": 0.2,
        "review": 0.6,
    }


def test_without_bugs_every_rate_is_unknown() -> None:
    assert BugCounts().rates() == dict.fromkeys(figures.RATES)
    assert BugCounts.of(["rejected"]).auto_acceptance is None
    assert figures.bugs_per_test(0, 0) is None


@given(st.lists(st.sampled_from(STATUSES)), st.lists(st.sampled_from(STATUSES)))
def test_counts_add_up_and_rates_are_shares(some: list[str], more: list[str]) -> None:
    counts = BugCounts.of(some) + BugCounts.of(more)
    assert counts == BugCounts.from_groups(Counter(some + more))
    assert counts.total == len(some) + len(more)
    assert [rate for rate in counts.rates().values() if rate is not None and not 0 <= rate <= 1] == []


def test_the_severity_score_follows_the_settings(settings: Settings) -> None:
    assert figures.severity_score({"critical": 1, "high": 10, "low": 2, "visual": 3, "blocker": 4}) == 44
    settings.DESK_SEVERITY_WEIGHTS = {"critical": 10, "high": 0, "low": 0, "other": 2}
    assert figures.severity_score({"critical": 1, "high": 10, "low": 2, "visual": 3, "blocker": 4}) == 24


@pytest.mark.parametrize(("count", "expected"), [(figures.by_severity, 6), (figures.by_status, 4)])
def test_words_nobody_knows_yet_are_counted_after_the_known_ones(count: object, expected: int) -> None:
    assert callable(count)
    found = count({"low": 2, "accepted": 1, "zeta": 1, "alpha": 3})
    assert len(found) == expected + 3
    assert sum(found.values()) == 7
