"""Cheap, well-spread numbers: every detail of the sandbox world is a hash of (seed, stream, number).

A hash instead of a random generator, because a record must come out the same whichever records were made
before it, in whatever process.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1

# One stream per question asked of a number, so that the answers are independent of each other.
PRODUCT, FEATURE, STORY, PERSON, TEST, TEST_TIMES, TEST_BUGS, BUG, BUG_TEXT, BUG_FEATURE, RESULT, FAULT, SHUFFLE = (
    range(1, 14)
)


def mix(seed: int, stream: int, number: int) -> int:
    """64 bits that depend on all three arguments (the finaliser of splitmix64)."""
    bits = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + number * 0x8CB92BA72F3D8DD7 + 0x2545F491) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)


def share(bits: int) -> float:
    """The bits as a number in [0, 1)."""
    return (bits >> 11) / (1 << 53)


def pick(choices: Sequence[T], bits: int) -> T:
    return choices[bits % len(choices)]
