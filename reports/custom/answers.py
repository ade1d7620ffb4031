"""What a tester answered to each question of a form: text, or None for no answer at all."""

import re
from decimal import Decimal
from typing import Any

import orjson

from reports.metrics.dimensions import NONE

__all__ = ["NONE", "answers", "number"]

#: As ``reports.metrics`` reads numbers: no "nan", no "1e5", no blanks, nothing that would not fit a column.
_NUMBER = re.compile(r"[-+]?[0-9]{1,40}(\.[0-9]{1,40})?")


def answers(data: Any) -> dict[str, str | None]:
    """By question, the first answer to each, in the form's order. Blank and null are no answers."""
    found: dict[str, str | None] = {}
    for field in data if isinstance(data, list) else ():
        if isinstance(field, dict) and field.get("key") is not None:
            found.setdefault(str(field["key"]), _text(field.get("value")))
    return found


def number(answer: str) -> Decimal | None:
    """The number an answer is, if it is one."""
    return Decimal(answer) if _NUMBER.fullmatch(answer) else None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, list):
        parts = [part for each in value if (part := _text(each))]
        return ", ".join(parts) or None
    return orjson.dumps(value).decode()
