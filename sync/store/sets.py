"""One number for what a bug was seen on, or what a test asks for: equal sets have equal numbers.

Figures group by the number and look up once what it stands for (``reports.metrics.sets``), instead of reading every
device of every bug. Order and repetition play no part.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b


def device_set(devices: Iterable[tuple[str, str, Sequence[str]]]) -> int:
    """The number of a bug's devices, each by category, operating system and browsers; 0 without devices."""
    return _of_devices(tuple((category, system, tuple(browsers)) for category, system, browsers in devices))


def platform_set(systems: Iterable[str]) -> int:
    """The number of the operating systems a test asks for; 0 when it asks for nothing."""
    return _number(tuple((system,) for system in systems))


@lru_cache(maxsize=10_000)  # of half a million bugs nearly all were seen on what others were seen on
def _of_devices(devices: tuple[tuple[str, str, tuple[str, ...]], ...]) -> int:
    return _number(
        tuple((category, system, browser) for category, system, browsers in devices for browser in browsers or ("",))
    )


@lru_cache(maxsize=10_000)
def _number(members: tuple[tuple[str, ...], ...]) -> int:
    """64 bits of a hash: with 100,000 different sets, the odds that two share a number are one in four billion."""
    if not members:
        return 0
    text = json.dumps(sorted(set(members)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
