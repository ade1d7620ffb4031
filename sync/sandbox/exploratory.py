"""A test of the sandbox, written as the exploratory test TestIO sends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync.sandbox import phrases
from sync.sandbox.catalogue import story_payloads
from sync.sandbox.devices import requirement
from sync.sandbox.hashing import TEST, mix, pick
from sync.sandbox.people import People
from sync.sandbox.records import EXECUTED, Cycle, Feature, Ids, Json, Product, iso
from sync.sandbox.texts import CREDENTIAL_MARKER, ODD

_REVIEW_OF = {"archived": "review_successful", "locked": "review_initialized"}
_METRIC_KEYS = ("tested", "passed", "failed")


def chosen_features(cycle: Cycle, bits: int, catalogue: Sequence[Feature]) -> list[Feature]:
    """One to four features of the product the test was created in; one test in eleven also has a retired one.

    ``catalogue`` is everything that product ever had, the two retired ones last.
    """
    current = len(catalogue) - 2
    chosen = [catalogue[(bits + index) % current] for index in range(1 + (bits >> 16) % 4)]
    return [*chosen, catalogue[current + cycle.ordinal % 2]] if cycle.ordinal % 11 == 4 else chosen


@dataclass(frozen=True, slots=True)
class TestWriter:
    """Writes tests in the forms of the list, with or without user stories, and of their own address."""

    __test__ = False  # nothing for pytest

    seed: int
    ids: Ids
    people: People

    def title(self, cycle: Cycle, features: Sequence[Feature]) -> str:
        """What the test is called now. One in sixteen has an odd title."""
        changed = cycle.changes.get("title", cycle.changes.get("test_title"))
        if changed is not None:
            return str(changed)
        if cycle.ordinal % 16 == 3:
            return ODD[cycle.ordinal // 16 % len(ODD)]
        kind = pick(phrases.TEST_KINDS, cycle.ordinal // 3)
        return f"{kind} {features[0].snapshot_title}, release {3 + cycle.ordinal // 97}.{cycle.ordinal % 97 // 4}"

    def listed(self, cycle: Cycle, product: Product, home: Product, *, expanded: bool = False) -> Json:
        """The test as the list shows it. ``expanded``: user stories as objects (``includes[]=user_stories``)."""
        bits = mix(self.seed, TEST, cycle.ordinal)
        features = chosen_features(cycle, bits, home.features)
        payload: Json = {"id": cycle.id}
        payload |= self._titles(cycle, self.title(cycle, features))
        payload |= {
            "status": cycle.status,
            "review_status": self._review_status(cycle),
            "testing_type": cycle.testing_type,
            "start_at": iso(cycle.start, product.number % 4) if cycle.shows_start else None,
            "end_at": iso(cycle.end, product.number % 4) if cycle.shows_end else None,
            "demo": cycle.ordinal % 90 == 17,
            "report_language": "de" if bits & 1024 else "en",
            "product": {"id": product.id, "name": product.name},
            "section": self._section(home, bits),
            "test_environment": self._environment(home, cycle, bits),
            "features": [
                self._feature(cycle, index, feature, bits, expanded) for index, feature in enumerate(features)
            ],
            "requirements": [requirement(bits >> (7 * index)) for index in range(1 + (bits >> 20) % 3)],
            "enable_low": bool(bits & 1),
            "enable_high": True,
            "enable_critical": True if bits & 14 else None,
            "created_by": None if bits & 127 == 5 else self.people.customer(bits >> 24),
            "submitted_by": None if bits & 3 == 0 else self.people.customer(bits >> 28),
            "reviews": self._reviews(cycle, bits),
        }
        payload |= self._briefing(cycle, bits)
        return payload | self._changes(cycle, payload)

    def detailed(
        self,
        cycle: Cycle,
        product: Product,
        home: Product,
        bugs_by_feature: dict[int, list[int]],
        *,
        expanded: bool = False,
    ) -> Json:
        """The test as its own address shows it: with analytics. ``bugs_by_feature``: bug ids by test feature id."""
        payload = self.listed(cycle, product, home, expanded=expanded)
        started = cycle.current_status in EXECUTED
        for feature in payload["features"]:
            bug_ids = bugs_by_feature.get(feature["id"], [])
            feature |= {
                "execution_status": _execution_status(started, bug_ids, feature["user_stories"]),
                "tester_count": min(9, 1 + len(bug_ids)) if started else 0,
                "bugs_found": len(bug_ids),
                "bug_ids": bug_ids,
            }
            if expanded:
                feature["user_stories"] = [_executed_story(story, started) for story in feature["user_stories"]]
        payload["analytics"] = _analytics(payload["features"], sum(map(len, bugs_by_feature.values())))
        return payload

    def _titles(self, cycle: Cycle, title: str) -> Json:
        """``title`` and ``test_title`` say the same; one test in ten has only one of them."""
        if cycle.ordinal % 20 == 4:
            return {"test_title": title}
        return {"title": title} if cycle.ordinal % 20 == 9 else {"title": title, "test_title": title}

    def _review_status(self, cycle: Cycle) -> str | None:
        if cycle.ordinal % 41 == 0:
            return None
        if cycle.ordinal % 29 == 6:
            return "review_failed"
        return _REVIEW_OF.get(cycle.status, "not_finalized")

    def _section(self, home: Product, bits: int) -> Json | None:
        if not home.sections:
            return None
        section_id, name = home.sections[bits % len(home.sections)]
        return {"id": section_id, "name": name}

    def _environment(self, home: Product, cycle: Cycle, bits: int) -> Json | None:
        """Credentials in every field where customers put them, all marked (``CREDENTIAL_MARKER``)."""
        if cycle.ordinal % 17 == 16:
            return None
        index = bits % 3
        environment_id = self.ids.environment(home.number, index)
        return {
            "id": environment_id,
            "title": ("Staging", "Staging, behind the VPN", "Pre-production")[index],
            "url": f"https://tester:{CREDENTIAL_MARKER}-url@staging-{home.number}.example.com/",
            "username": f"{CREDENTIAL_MARKER}-user-{environment_id}",
            "password": f"{CREDENTIAL_MARKER}-password-{environment_id}",
            "access": f"VPN key {CREDENTIAL_MARKER}-access, then the usual sign-in",
            "allow_orders": False,
            "binary_app": {"id": 1, "download_url": f"https://files.example.com/app?sig={CREDENTIAL_MARKER}-app"},
        }

    def _feature(self, cycle: Cycle, index: int, feature: Feature, bits: int, expanded: bool) -> Json:
        return {
            "id": self.ids.test_feature(cycle.ordinal, index),
            "feature_id": feature.id,
            "title": feature.snapshot_title,
            "description": feature.description,
            "howtofind": feature.howtofind,
            "user_stories": story_payloads(feature, expanded=expanded),
            "enable_default": True,
            "enable_content": bool(bits >> index & 1),
            "enable_visual": None if bits & 63 == 9 else bool(bits >> index & 2),
        }

    def _reviews(self, cycle: Cycle, bits: int) -> list[Json]:
        if cycle.ordinal % 13 != 5 or cycle.status not in EXECUTED:
            return []
        author = self.people.customer(bits >> 12)
        return [{"id": cycle.id * 2, "rating": 1 + bits % 5, "comment": "Thorough work.", "author": {"name": author}}]

    def _briefing(self, cycle: Cycle, bits: int) -> Json:
        """Goal, instructions and scope, each as markdown or HTML and as plain text; now and then odd or absent."""
        goal = pick(phrases.GOALS, bits >> 3)
        instructions = pick(phrases.INSTRUCTIONS, bits >> 9)
        scope = pick(phrases.OUT_OF_SCOPE, bits >> 15)
        briefing: Json = {
            "goal": f"**Goal**\n\n- {goal}",
            "goal_text": goal,
            "instructions": f"<h2>Please note</h2><p>{instructions}</p>",
            "instructions_text": f"Please note\n{instructions}",
            "out_of_scope": f"* {scope}",
            "out_of_scope_text": scope,
        }
        if cycle.ordinal % 17 == 6:
            briefing["goal"] = briefing["goal_text"] = ODD[cycle.ordinal // 17 % len(ODD)]
        if cycle.ordinal % 17 == 9:
            briefing["instructions_text"] = ODD[(cycle.ordinal // 17 + 12) % len(ODD)]
        if cycle.ordinal % 17 == 12:
            briefing["out_of_scope"] = briefing["out_of_scope_text"] = None
        if cycle.ordinal % 34 == 15:
            del briefing["instructions_text"]
        return briefing

    def _changes(self, cycle: Cycle, payload: Json) -> Json:
        """What was changed since, with one title under whichever names the test shows it."""
        changes = dict(cycle.changes)
        if "title" in changes or "test_title" in changes:
            title = self.title(cycle, ())
            changes |= {key: title for key in ("title", "test_title") if key in payload}
            changes = {key: value for key, value in changes.items() if key in payload or not key.endswith("title")}
        return changes


def _execution_status(started: bool, bug_ids: Sequence[int], stories: Sequence[object]) -> str:
    if bug_ids:
        return "failed"
    return "passed" if started and stories else "not_tested"


def _executed_story(story: Json, started: bool) -> Json:
    return story | {
        "user_story_version_id": story["id"] + 1_000_000,
        "execution_status": "passed" if started else "not_tested",
        "tested_by_count": 2 if started else 0,
        "bugs_found": 0,
        "bug_ids": [],
    }


def _analytics(features: Iterable[Json], total_bugs: int) -> Json:
    states = [feature["execution_status"] for feature in features]
    stories = sum(len(feature["user_stories"]) for feature in features)
    tested = [state for state in states if state != "not_tested"]
    return {
        "testers_count": min(25, 3 + total_bugs) if tested else 0,
        "devices_count": min(40, 4 + total_bugs) if tested else 0,
        "total_features": len(states),
        "tested_features": len(tested),
        "passed_features": states.count("passed"),
        "failed_features": states.count("failed"),
        "total_user_stories": stories,
        "tested_user_stories": stories if tested else 0,
        "passed_user_stories": stories if tested else 0,
        "failed_user_stories": 0,
        "blocked_user_stories": 0,
        "total_bugs": total_bugs,
    }
