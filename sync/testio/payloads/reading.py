"""Reading single values out of JSON that keeps no promises, and sealing whole payloads for storage."""

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson

Json = Mapping[str, Any]

#: Part of every fingerprint: raising it makes the next syncs read all payloads into their rows again.
PARSER_VERSION = b"1"

BIGINT_MAX = 2**63 - 1
_ESCAPED_NUL = b"\\u0000"

#: From 2,048 bytes on hashlib lets other threads run meanwhile. For two microseconds of hashing that is no gain: among
#: busy threads it takes milliseconds to get the interpreter back.
_HASHED_AT_ONCE = 2_047
_ENVIRONMENT = "test_environment"
_ENVIRONMENT_KEY = b'"test_environment":'
#: People are found by their names, and PostgreSQL keeps no index entry beyond some 2,700 bytes.
_LONGEST_NAME = 255


class JsonText(bytes):
    """JSON as UTF-8, on its way from the encoder to the database without being decoded and encoded once more."""


class Unstorable(Exception):
    """A record that cannot become a row: its ``kind``, its ``testio_id`` (None without one), and why."""

    def __init__(self, kind: str, testio_id: object, reason: str) -> None:
        name = f"{kind} {testio_id}" if testio_id is not None else f"A {kind} without a usable id"
        super().__init__(f"{name} was not stored: {reason}")
        self.kind = kind
        self.testio_id = testio_id
        self.reason = reason


@dataclass(slots=True)
class Record:
    """What every parsed record carries: TestIO's id, the payload as JSON text, its fingerprint, and notes."""

    id: int
    raw: JsonText
    fingerprint: bytes
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Opened:
    """A payload ready to be read: cleaned of what PostgreSQL cannot hold, sealed, with notes on what was done."""

    id: int
    payload: Json
    raw: JsonText
    fingerprint: bytes
    notes: list[str]

    def moment(self, key: str) -> datetime | None:
        """The time under ``key`` in UTC. Text that is no time becomes None and a note; no offset means UTC."""
        value = self.payload.get(key)
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                self.notes.append(f"{key} had no time zone; read as UTC")
                return moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            self.notes.append(f"{key} is not a time: {str(value)[:60]!r}")
            return None


def open_payload(kind: str, payload: object, *, context: Sequence[object] = ()) -> Opened:
    """Check, clean and seal one payload. ``context`` is what else decides the row (its owner, say).

    Raises ``Unstorable`` for what has no usable id or is nested more than 250 levels deep.
    """
    if not isinstance(payload, dict):
        raise Unstorable(kind, None, f"it is {type(payload).__name__}, not an object.")
    record_id = integer(payload.get("id"))
    if record_id is None:
        raise Unstorable(kind, None, f"its id is {str(payload.get('id'))[:40]!r}.")
    try:
        payload, raw, notes = _clean(payload)
    except (TypeError, RecursionError):
        raise Unstorable(kind, record_id, "it is nested too deeply to be read.") from None
    return Opened(record_id, payload, JsonText(raw), _fingerprint(raw, context), notes)


def _fingerprint(raw: bytes, context: Sequence[object]) -> bytes:
    digest = hashlib.blake2b(raw[:_HASHED_AT_ONCE], digest_size=16, key=PARSER_VERSION)
    for start in range(_HASHED_AT_ONCE, len(raw), _HASHED_AT_ONCE):
        digest.update(raw[start : start + _HASHED_AT_ONCE])
    digest.update(repr(context).encode("utf-8", "replace"))
    return digest.digest()


def identity(payload: object) -> Hashable:
    """What makes a list entry the same entry again: its id, or all of it when it has none."""
    testio_id = payload.get("id") if isinstance(payload, dict) else None
    if isinstance(testio_id, int | str) and not isinstance(testio_id, bool):
        return testio_id
    try:
        return json.dumps(payload, sort_keys=True, default=str)
    except RecursionError:
        return "nested too deeply to be told apart"


def integer(value: object) -> int | None:
    """A positive number that fits a bigint column, also when it comes as text; else None."""
    if type(value) is int:
        return value if 0 < value <= BIGINT_MAX else None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return integer(int(value)) if len(value) < 20 else None
    return None


def text(value: object) -> str:
    """Trimmed text; null and empty structures become empty, numbers their digits, other structures their JSON."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, float) and not isfinite(value):
        return ""
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def flag(value: object) -> bool | None:
    """Real booleans only: the text "false" is not a truth."""
    return value if isinstance(value, bool) else None


def mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Json]:
    """The objects in a list, whatever else is in it; nothing when it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """A list of texts from a list (of texts or of named things) or from one text; empty ones are dropped."""
    entries = value if isinstance(value, list) else [value]
    return [found for entry in entries if (found := name(entry))]


def name(value: object) -> str:
    """What a thing is called: TestIO sends either the bare name or an object with ``name`` or ``title``."""
    if isinstance(value, str):  # asked first: a dozen times for every bug
        return value.strip()
    if isinstance(value, dict):
        return text(value.get("name") or value.get("title"))
    return text(value)


def person(value: object) -> str:
    """A user name, or "" for nobody: TestIO sends either the bare name or an object with ``name``."""
    return name(value)[:_LONGEST_NAME]


def _clean(payload: Json) -> tuple[Json, bytes, list[str]]:
    """The payload without credentials and what PostgreSQL refuses, its canonical JSON, and notes on the latter.

    Raises ``TypeError`` or ``RecursionError`` for what is nested too deeply.
    """
    if _ENVIRONMENT in payload:
        payload = {**payload, _ENVIRONMENT: _without_credentials(payload[_ENVIRONMENT])}
    try:
        raw = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
        if _ESCAPED_NUL not in raw and raw.count(_ENVIRONMENT_KEY) == (_ENVIRONMENT in payload):
            return payload, raw, []
    except TypeError:  # lone surrogates, or numbers beyond 64 bits
        pass
    notes: set[str] = set()
    scrubbed = _scrub(payload, notes)
    return scrubbed, orjson.dumps(scrubbed, option=orjson.OPT_SORT_KEYS), sorted(notes)


def _without_credentials(environment: object) -> Json | None:
    """Of a test environment only id and title are ours to keep."""
    kept = {key: value for key in ("id", "title") if isinstance(value := mapping(environment).get(key), int | str)}
    return kept or None


def _scrub(value: Any, notes: set[str]) -> Any:
    if isinstance(value, str):
        return _scrub_text(value, notes)
    if isinstance(value, dict):
        return {_scrub_text(key, notes): _scrub_entry(key, inner, notes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrub(inner, notes) for inner in value]
    if isinstance(value, int | float) and not _is_storable(value):
        notes.add("numbers that cannot be stored (NaN, Infinity, beyond 64 bits) became null")
        return None
    return value


def _is_storable(number: float) -> bool:
    return abs(number) <= BIGINT_MAX if isinstance(number, int) else isfinite(number)


def _scrub_entry(key: str, value: Any, notes: set[str]) -> Any:
    return _scrub(_without_credentials(value) if key == _ENVIRONMENT else value, notes)


def _scrub_text(value: str, notes: set[str]) -> str:
    if "\x00" in value:
        notes.add("NUL characters were removed")
        value = value.replace("\x00", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        notes.add("broken characters were replaced")
        value = value.encode("utf-8", "replace").decode()
    return value
