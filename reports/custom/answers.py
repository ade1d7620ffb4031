"""What a tester answered to each question of a form: text, or None for no answer at all; and which of it is a number.

A list of one value is that value: TestIO sends what was chosen of several as a list, also where it is one. Null, blank
text and empty lists are no values, in a list neither. A number is a number of JSON, or text that is nothing but digits:
a sign before them, and a point with more digits after them, may be; at most 40 digits on each side. So " 7 ", "1e3",
"nan" and true are none. ``reports.metrics.custom_numbers`` says the same in SQL.
"""

import json
import re
from decimal import Decimal
from typing import Any

from reports.metrics.dimensions import NONE

__all__ = ["NONE", "answers", "number", "read", "text_of"]

#: The most digits before and after a number's point; the columns of a workbook or a database end long before.
MOST_DIGITS = 40
_NUMBER = re.compile(rf"[-+]?[0-9]{{1,{MOST_DIGITS}}}(\.[0-9]{{1,{MOST_DIGITS}}})?")


def read(form: str) -> Any:
    """The JSON of a form, with numbers as they are written there, to the last digit."""
    return json.loads(form, parse_float=Decimal, parse_int=_whole)


def answers(data: Any) -> dict[str, str | None]:
    """By question, the first answer to each, in the form's order. Blank and null are no answers."""
    found: dict[str, str | None] = {}
    for field in data if isinstance(data, list) else ():
        if isinstance(field, dict) and field.get("key") is not None:
            found.setdefault(str(field["key"]), text_of(field.get("value")))
    return found


def number(answer: str) -> Decimal | None:
    """The number an answer is, if it is one."""
    return Decimal(answer) if _NUMBER.fullmatch(answer) else None


def text_of(value: Any) -> str | None:
    """An answer as text, None for no answer; several values with commas between them."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, list):
        parts = [part for each in value if (part := text_of(each))]
        return ", ".join(parts) or None
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)


def _whole(digits: str) -> int | Decimal:
    """Python reads no integer of thousands of digits."""
    return int(digits) if len(digits) <= MOST_DIGITS else Decimal(digits)
