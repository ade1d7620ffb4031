import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.testio.answers import LONGEST_PAUSE, decode, seconds_to_wait

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(values)
def test_every_json_value_is_read_as_it_was_written(value: object) -> None:
    assert decode(json.dumps(value).encode()) == value
    assert decode(orjson.dumps(value)) == value


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused_as_a_value_error(body: bytes) -> None:
    try:
        decode(body)
    except ValueError:
        assert body != b"null"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'"\\ud83d"', "\ud83d"),
        (b'"tab\there, nul\x00there"', "tab\there, nul\x00there"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"[NaN, Infinity, -Infinity]", [None, None, None]),
    ],
)
def test_what_strict_json_forbids_is_read_all_the_same(body: bytes, value: object) -> None:
    assert decode(body) == value


@pytest.mark.parametrize("body", [b"", b" ", b'{"a": [1, 2', b"<html></html>", b"[" * 100_000, b"1" * 5000 + b"x"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("0", 0.0),
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("-4", 0.0),
        ("301", LONGEST_PAUSE),
        ("inf", LONGEST_PAUSE),
        ("Sun, 01 Mar 2026 12:00:20 GMT", 20.0),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:20 -0000", 20.0),
        ("Sun, 01 Mar 2126 12:00:00 GMT", LONGEST_PAUSE),
        ("Sun, 99 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 99999999999 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_understood_as_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, format_datetime(NOON, usegmt=True)) == seconds


def test_without_a_date_of_the_server_a_moment_is_measured_from_our_clock() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert seconds_to_wait(in_a_minute) == pytest.approx(60, abs=10)
    assert seconds_to_wait(in_a_minute, "not a date") == pytest.approx(60, abs=10)


@settings(deadline=None)
@given(st.text(), st.none() | st.text())
def test_no_header_is_odd_enough_to_break_us(header: str, date: str | None) -> None:
    seconds = seconds_to_wait(header, date)
    assert seconds is None or 0 <= seconds <= LONGEST_PAUSE
