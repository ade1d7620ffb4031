"""Reading what a server put on the wire, before anybody asks what it means: JSON bodies and Retry-After."""

import json
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

LONGEST_PAUSE = 300.0  # seconds; a Retry-After beyond this is taken for a mistake


def decode(body: bytes) -> object:
    """The JSON value in ``body``. Raises ValueError when there is none.

    What strict JSON forbids and servers send all the same is read: lone surrogates and control characters stay in
    the text for the parsers to judge, bytes that are no UTF-8 become U+FFFD, NaN and the infinities become null.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _decode_leniently(body)


def _decode_leniently(body: bytes) -> object:
    text = body.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply to be an answer of TestIO") from None


def seconds_to_wait(retry_after: str | None, date: str | None = None) -> float | None:
    """The seconds a Retry-After header asks for, as a number or as an HTTP date, between 0 and LONGEST_PAUSE.

    None when there is no such header or it cannot be read. ``date`` is the answer's own Date header: a moment is
    measured from the clock it was written by, ours only failing that.
    """
    if retry_after is None:
        return None
    seconds = _number(retry_after)
    if seconds is None and (until := _http_date(retry_after)):
        seconds = (until - (_http_date(date) or datetime.now(UTC))).total_seconds()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_PAUSE)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
