"""Who writes in the sandbox: testers, and the customer's own users."""

from collections.abc import Sequence
from dataclasses import dataclass

from sync.sandbox import phrases
from sync.sandbox.hashing import PERSON, mix


@dataclass(frozen=True, slots=True)
class People:
    """User names. ``BOTH_ROLES`` is in both lists, odd names are among the testers and one among the customers."""

    testers: tuple[str, ...]
    customers: tuple[str, ...]

    def tester(self, bits: int) -> str:
        """A few testers write most of the bugs: squaring the draw favours the front of the list."""
        drawn = bits % len(self.testers)
        return self.testers[drawn * drawn // len(self.testers)]

    def customer(self, bits: int) -> str:
        return self.customers[bits % len(self.customers)]


def make_people(seed: int, tests: int) -> People:
    """About one tester for ten tests, at least 40 and at most 800. The odd names stand where few bugs come from."""
    rare = (phrases.BOTH_ROLES, *phrases.ODD_NAMES)
    names = _user_names(seed, min(800, max(40, tests // 10)))
    return People((*names[12:], *rare), (*names[:12], phrases.BOTH_ROLES, phrases.ODD_NAMES[0] + " (QA)"))


def _user_names(seed: int, count: int) -> Sequence[str]:
    pairs = len(phrases.FIRST_NAMES) * len(phrases.LAST_NAMES)
    start = mix(seed, PERSON, 0) % pairs
    return [_user_name((start + 7 * number) % pairs, number // pairs) for number in range(count)]


def _user_name(pair: int, lap: int) -> str:
    first, last = divmod(pair, len(phrases.LAST_NAMES))
    name = f"{phrases.FIRST_NAMES[first]}.{phrases.LAST_NAMES[last]}"
    return f"{name}{lap + 1}" if lap else name
