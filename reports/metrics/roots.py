"""Where the querysets of facts begin, and how each comes from there to tests, bugs and features."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Root:
    """Where a queryset begins, and so how it comes to tests, bugs and features; None: not at all."""

    test: str
    bug: str | None
    feature: str | None


BUGS = Root(test="test__", bug="", feature="feature_id")
TESTS = Root(test="", bug=None, feature=None)
COVERED = Root(test="", bug=None, feature="of_feature")
PAIRS = Root(test="", bug="found__", feature="found__feature_id")


def under(prefix: str | None, path: str) -> str | None:
    return None if prefix is None else prefix + path
