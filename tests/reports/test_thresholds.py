import pytest

from reports.thresholds import Health, Thresholds


@pytest.mark.parametrize(
    ("rate", "healthy", "warning", "critical"),
    [
        ("rejection", 0.1999, (0.20, 0.3499), (0.35, 1.0)),
        ("auto_acceptance", 0.1999, (0.20, 0.3999), (0.40, 1.0)),
        ("active_acceptance", 0.3501, (0.35, 0.2001), (0.20, 0.0)),
        ("review", 0.8001, (0.80, 0.6001), (0.60, 0.0)),
    ],
)
def test_a_rate_that_equals_a_threshold_is_in_the_worse_class(
    rate: str, healthy: float, warning: tuple[float, ...], critical: tuple[float, ...]
) -> None:
    threshold = getattr(Thresholds.from_settings(), rate)
    assert threshold.health(healthy) is Health.HEALTHY
    assert {threshold.health(each) for each in warning} == {Health.WARNING}
    assert {threshold.health(each) for each in critical} == {Health.CRITICAL}
    assert threshold.health(None) is Health.UNKNOWN


def test_the_worst_rate_decides_and_without_data_nothing_is_known() -> None:
    thresholds = Thresholds.from_settings()
    rates = {"rejection": 0.1, "auto_acceptance": None, "active_acceptance": 0.3, "review": 0.9}
    assert thresholds.overall(rates) is Health.WARNING
    assert thresholds.overall(rates | {"rejection": 0.5}) is Health.CRITICAL
    assert thresholds.overall(dict.fromkeys(rates)) is Health.UNKNOWN


def test_a_customer_changes_what_it_names_and_keeps_the_rest() -> None:
    thresholds = Thresholds.from_settings().with_changes({"rejection": {"critical": 0.5}})
    assert (thresholds.rejection.warning, thresholds.rejection.critical) == (0.20, 0.5)
    assert thresholds.review == Thresholds.from_settings().review


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"overall_acceptance": {"warning": 0.5}}, "overall_acceptance has no threshold; known are"),
        ({"rejection": {"alarm": 0.5}}, "A threshold has warning and critical, not alarm."),
        ({"rejection": {"warning": 50}}, "The warning threshold of rejection must be a number from 0 to 1, not 50."),
        (
            {"rejection": {"warning": True}},
            "The warning threshold of rejection must be a number from 0 to 1, not True.",
        ),
        ({"rejection": {"critical": 0.1}}, "The critical threshold of rejection must not be below its warning"),
        ({"review": {"critical": 0.9}}, "The critical threshold of review must not be above its warning threshold."),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(changes: dict[str, dict[str, float]], sentence: str) -> None:
    with pytest.raises(ValueError, match="threshold") as refusal:
        Thresholds.from_settings().with_changes(changes)
    assert str(refusal.value).startswith(sentence)
