"""One question of a form, summed up by what its answers are.

Numbers: at least four in five answers are. Categories: at most 20 different answers. Text: everything else. What kind a
question is, is decided once over all reports, so that groups of them can be compared.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from reports.custom.answers import MOST_DIGITS, number
from reports.figures import share

#: Answers that must be numbers, of all answers given, to make a question one of numbers.
ENOUGH_NUMBERS = 0.8
MOST_CATEGORIES = 20
#: Whole numbers with no more different values are counted one by one; others by ranges of the same width.
MOST_SINGLE_NUMBERS = 10
RANGES = 5


class FieldKind(StrEnum):
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Numbers from ``lowest`` up to ``highest``; the two are equal where single values are counted. The highest belongs
    to the bucket only in the last one."""

    label: str
    lowest: float
    highest: float
    count: int


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One question over some reports. ``answered`` and ``missing`` add up to all of them.

    Of numbers: ``count`` counts numbers only, ``not_numbers`` the answers that are none; average, minimum and maximum
    are None without a number. Of categories: ``values``, the most frequent first.
    """

    name: str
    kind: FieldKind
    answered: int
    missing: int
    count: int = 0
    not_numbers: int = 0
    average: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    distribution: Sequence[Bucket] = ()
    values: Sequence[tuple[str, int]] = ()


def kind_of(given: Collection[str]) -> FieldKind:
    """What answers like these are; without any, a question of categories that nobody chose."""
    numbers = sum(number(answer) is not None for answer in given)
    if (share(numbers, len(given)) or 0) >= ENOUGH_NUMBERS:
        return FieldKind.NUMERIC
    return FieldKind.CATEGORICAL if len(set(given)) <= MOST_CATEGORIES else FieldKind.TEXT


def summary(name: str, kind: FieldKind, all_answers: Sequence[str | None]) -> FieldSummary:
    """``all_answers`` has one for each report; None where it has none."""
    given = [answer for answer in all_answers if answer is not None]
    missing = len(all_answers) - len(given)
    if kind == FieldKind.NUMERIC:
        return _of_numbers(name, given, missing)
    values = (
        sorted(Counter(given).items(), key=lambda pair: (-pair[1], pair[0])) if kind == FieldKind.CATEGORICAL else ()
    )
    return FieldSummary(name, kind, len(given), missing, values=values)


def _of_numbers(name: str, given: Sequence[str], missing: int) -> FieldSummary:
    numbers = [value for answer in given if (value := number(answer)) is not None]
    if not numbers:
        return FieldSummary(name, FieldKind.NUMERIC, len(given), missing, not_numbers=len(given))
    return FieldSummary(
        name,
        FieldKind.NUMERIC,
        len(given),
        missing,
        count=len(numbers),
        not_numbers=len(given) - len(numbers),
        average=_average(numbers),
        minimum=float(min(numbers)),
        maximum=float(max(numbers)),
        distribution=distribution(numbers),
    )


def _average(numbers: Sequence[Decimal]) -> float:
    """Without rounding on the way: numbers may be so far apart that a sum of 28 digits would lose the small ones."""
    with localcontext(prec=2 * MOST_DIGITS + len(str(len(numbers)))):
        return float(sum(numbers) / len(numbers))


def distribution(numbers: Sequence[Decimal]) -> list[Bucket]:
    """Every number in exactly one bucket, the lowest first."""
    counts = Counter(numbers)
    if len(counts) == 1 or (len(counts) <= MOST_SINGLE_NUMBERS and all(value == int(value) for value in counts)):
        return [Bucket(_shown(value), float(value), float(value), counts[value]) for value in sorted(counts)]
    lowest, highest = min(counts), max(counts)
    width = (highest - lowest) / RANGES
    sizes: Counter[int] = Counter()
    for value, count in counts.items():
        sizes[min(int((value - lowest) / width), RANGES - 1) if width else 0] += count
    edges = [*(lowest + width * place for place in range(RANGES)), highest]
    return [
        Bucket(f"{_shown(edges[place])} to {_shown(edges[place + 1])}", float(edges[place]), float(edges[place + 1]), n)
        for place, n in ((place, sizes[place]) for place in range(RANGES))
    ]


def _shown(value: Decimal) -> str:
    """As a person writes it: 4, not 4.00; two digits are enough for the edge of a range."""
    rounded = f"{value:.2f}"
    return rounded.rstrip("0").rstrip(".")
