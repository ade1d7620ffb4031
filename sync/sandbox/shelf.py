"""The world's records as JSON text, made once and kept, so that serving a list is joining bytes."""

import orjson

from sync.sandbox.ground import Ground


class Shelf:
    """Serialised records of a world. What changed there is noticed by its version and made anew.

    ``budget`` bounds the memory in bytes: what does not fit is made on every call. Safe to use from many threads.
    """

    def __init__(self, world: Ground, budget: int = 1_200_000_000) -> None:
        self._world = world
        self._room = budget
        self._plain: dict[int, tuple[int, bytes]] = {}
        self._expanded: dict[int, tuple[int, bytes]] = {}
        self._bugs: dict[int, tuple[int, bytes]] = {}

    def test(self, test_id: int, *, expanded: bool) -> bytes:
        """The test as the list shows it. Raises ``Unknown`` for an unknown test."""
        kept = self._expanded if expanded else self._plain
        version = self._world.version_of(test_id)
        known = kept.get(test_id)
        if known is not None and known[0] == version:
            return known[1]
        return self._keep(
            kept, test_id, version, orjson.dumps(self._world.test_payload(test_id, include_user_stories=expanded))
        )

    def bugs(self, test_id: int) -> bytes:
        """All bugs of the test, with commas between; empty when it has none. ``Unknown`` for an unknown test."""
        version = self._world.version_of(test_id)
        known = self._bugs.get(test_id)
        if known is not None and known[0] == version:
            return known[1]
        return self._keep(self._bugs, test_id, version, orjson.dumps(self._world.bug_payloads(test_id))[1:-1])

    def warm(self) -> int:
        """Make everything that fits, user stories as objects excepted; returns how many bytes are kept."""
        before = self._room
        for test_id in self._world.test_ids():
            self.test(test_id, expanded=False)
            self.bugs(test_id)
        return before - self._room

    def _keep(self, kept: dict[int, tuple[int, bytes]], test_id: int, version: int, made: bytes) -> bytes:
        if len(made) <= self._room:
            kept[test_id] = (version, made)
            self._room -= len(made)
        return made
