"""How JSON of TestIO's is read from the columns that keep it as it came."""

import json
from typing import Any

_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_DIGITS = len(str(_LOWEST))  # as many as the highest has


class Received(json.JSONDecoder):
    """A whole number beyond 64 bits is a float, as it was when TestIO's answer was read.

    PostgreSQL writes 1e20 out as 100000000000000000000; Python would read an integer, which nothing that writes JSON
    for us takes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_int=_whole, **options)


def _whole(digits: str) -> int | float:
    number = int(digits) if len(digits) <= _DIGITS else float(digits)
    return number if _LOWEST <= number <= _HIGHEST else float(number)
