"""A bug of the sandbox, written as TestIO sends it, with everything it may lack or spell differently."""

from collections.abc import Sequence
from dataclasses import dataclass

from sync.sandbox import phrases
from sync.sandbox.devices import bug_devices
from sync.sandbox.hashing import BUG, BUG_FEATURE, BUG_TEXT, mix
from sync.sandbox.people import People
from sync.sandbox.records import Cycle, Feature, Ids, Json, Product, iso
from sync.sandbox.schedule import HOUR
from sync.sandbox.texts import NEAR_MISSES, ODD, REASON_KEYS, REJECTIONS, wrapped

# (rejected, auto-accepted, still open) of a hundred bugs in finished tests: healthy, middling and bad products.
_OUTCOMES = ((16, 9, 6), (24, 14, 8), (9, 25, 5), (38, 8, 14), (14, 45, 12), (6, 3, 2))
_UNFINISHED_OUTCOME = (10, 3, 62)
_SEVERITIES = ("low",) * 42 + ("high",) * 28 + ("critical",) * 8 + ("visual",) * 10 + ("content",) * 8 + ("custom",) * 4

#: ``(status, auto_accepted, reason, form)``: the reason's key when a comment gives one, and how it is worded.
Verdict = tuple[str, bool, str | None, int]


@dataclass(frozen=True, slots=True)
class BugWriter:
    """Writes bugs. ``number`` counts the world's bugs from the oldest; everything about a bug follows from it.

    Nothing that happened to one is later than ``now`` (seconds since 1970), whenever its test ends.
    """

    seed: int
    ids: Ids
    people: People
    now: int

    def feature_index(self, number: int, features: int) -> int | None:
        """Which of the test's features the bug was reported on; one in sixteen on none."""
        bits = mix(self.seed, BUG_FEATURE, number)
        return None if bits & 15 == 0 else (bits >> 4) % features

    def verdict(self, number: int, cycle: Cycle) -> Verdict:
        bits = mix(self.seed, BUG, number)
        finished = cycle.status == "archived"
        rejected, auto, still_open = _OUTCOMES[cycle.home % len(_OUTCOMES)] if finished else _UNFINISHED_OUTCOME
        drawn = (bits >> 40) % 100
        if drawn < still_open:
            return "forwarded", False, None, 0
        if drawn < still_open + auto:
            return "accepted", True, None, 0
        if drawn >= still_open + auto + rejected:
            return "accepted", False, None, 0
        variant = (bits >> 48) % 10
        reason = REASON_KEYS[(bits >> 52) % len(REASON_KEYS)] if variant > 2 else None
        return "rejected", False, reason, (variant - 3) % 6

    def payload(
        self, number: int, cycle: Cycle, product: Product, features: Sequence[Feature], test_title: str
    ) -> Json:
        bits = mix(self.seed, BUG, number)
        text = mix(self.seed, BUG_TEXT, number)
        severity = _SEVERITIES[bits % 100]
        status, auto_accepted, _, _ = verdict = self.verdict(number, cycle)
        reported = self._reported(cycle, bits >> 20)
        custom = severity == "custom"
        payload: Json = {
            "id": self.ids.bug(number),
            "title": self._title(number, text),
            "severity": severity,
            "status": status,
            "auto_accepted": auto_accepted,
            "known": number % 19 == 3,
            "language": ("en", "de", "en", None)[text & 3],
            "location": f"https://staging-{cycle.home}.example.com/{phrases.PLACES[text % 16].lower()}/{number % 977}",
            "expected_result": phrases.EXPECTED[text >> 8 & 7],
            "actual_result": self._actual_result(number, text),
            "steps": None if custom else self._steps(number, text),
            "test": {"id": cycle.id, "title": test_title},
            "product": {"id": product.id, "name": product.name},
            "author": {"name": self.people.tester(bits >> 12)},
            "devices": None if custom else bug_devices(bits >> 7),
            "comments": self._comments(number, bits, reported, verdict),
            "attachments": self._attachments(number, text),
            "exported_at": self._by_now(reported + 400_000) if status == "accepted" and bits & 3 == 1 else None,
            "reported_at": iso(reported, number & 3),
            "report": self._report(number, text) if custom else None,
        }
        payload |= self._feature_links(number, cycle, features)
        _make_odd(payload, number)
        return payload

    def _reported(self, cycle: Cycle, bits: int) -> int:
        """While the test ran, so far; within the last hour where it has not begun."""
        last = min(cycle.end, self.now)
        first = min(cycle.start, last - HOUR)
        return first + bits % (last - first)

    def _by_now(self, moment: int) -> str:
        return iso(min(moment, self.now))

    def _title(self, number: int, text: int) -> str:
        if number % 37 == 11:
            return ODD[number // 37 % len(ODD)]
        return f"{phrases.PLACES[text % 16]}: {phrases.PROBLEMS[text >> 20 & 15]}"

    def _actual_result(self, number: int, text: int) -> str:
        first = text >> 14 & 7
        second = (first + 1 + (text >> 17) % 7) % 8
        return f"{phrases.ACTUAL[first]} {phrases.ACTUAL[second]}\n\nSeen at run {number}."

    def _steps(self, number: int, text: int) -> list[str] | str:
        steps = [phrases.STEPS[((text >> 24) + index) % 12] for index in range(2 + (text >> 30) % 4)]
        if number % 29 == 7:
            return []
        return "\n".join(f"{place}. {step}" for place, step in enumerate(steps, 1)) if number % 13 == 4 else steps

    def _comments(self, number: int, bits: int, reported: int, verdict: Verdict) -> list[Json]:
        status, _, reason, form = verdict
        bodies = [phrases.COMMENTS[(bits >> 30) % 6]] if bits >> 34 & 1 else []
        if reason:
            bodies.append(wrapped(REJECTIONS[reason], form))
            if form == 0 and bits >> 35 & 1:
                bodies.append(REJECTIONS[REASON_KEYS[(bits >> 36) % 7]])
        elif status == "rejected" and bits >> 36 & 1:
            bodies.append(NEAR_MISSES[(bits >> 37) % len(NEAR_MISSES)])
        elif status == "accepted" and number % 23 == 5:
            bodies.append(REJECTIONS["known_bug"])  # said, then accepted all the same: no rejection reason
        if number % 47 == 8:
            bodies.append(ODD[number // 47 % len(ODD)])
        return [
            {
                "body": body,
                "author": self._commenter(bits >> index, index),
                "created_at": self._by_now(reported + 5400 * (index + 1)),
            }
            for index, body in enumerate(bodies)
        ]

    def _commenter(self, bits: int, index: int) -> Json | str | None:
        if bits & 63 == 1:
            return None
        name = self.people.customer(bits >> 14) if index % 2 == 0 else self.people.tester(bits >> 14)
        return name if bits & 63 == 2 else {"name": name}

    def _attachments(self, number: int, text: int) -> list[Json] | None:
        if text >> 36 & 31 == 0:
            return None
        made = []
        for index in range(text >> 41 & 3):
            attachment_id = self.ids.attachment(number, index)
            name = ("recording.mp4", "screenshot.png", "Größe 📎.log")[index]
            made.append({"id": attachment_id, "url": f"https://files.example.com/{attachment_id}", "filename": name})
        return made

    def _report(self, number: int, text: int) -> Json:
        """A custom report: four forms of it, and the transcript as a field or beside the fields."""
        kind = text >> 44 & 3
        values = (
            ("issue_type", "text", ("Violation", "Advice")[number & 1]),
            ("wcag_checkpoints", "text", f"1.{1 + kind}.{1 + number % 9}"),
            ("satisfaction", "number", 1 + number % 5),
            ("minutes_taken", "text", f"{number % 40}.5"),
            ("quote", "text", ODD[number % len(ODD)]),
            ("voucher", "text", None),
        )[: 6 - kind]
        data: list[Json] = [
            {"key": key, "name": key.replace("_", " "), "type": value_type, "value": value, "position": place}
            for place, (key, value_type, value) in enumerate(values, 1)
        ]
        content: Json = {"data": data}
        transcript = phrases.TRANSCRIPT * (3 + number % 4)
        if number % 3:
            content["data"].append({"key": "plain_text_interactions", "value": transcript})
        else:
            content["plain_text_interactions"] = transcript
        if number % 5 == 4:
            content["data"] = []
        return {"title": "Custom report", "custom_report_configuration_id": 40 + kind, "content": content}

    def _feature_links(self, number: int, cycle: Cycle, features: Sequence[Feature]) -> Json:
        """``test_feature`` is the test's copy, ``feature`` the catalogue's entry; either, both or neither are there."""
        index = self.feature_index(number, len(features))
        if index is None:
            return {"feature": None, "test_feature": None}
        catalogued = {"id": features[index].id, "title": features[index].snapshot_title}
        copy = {"id": self.ids.test_feature(cycle.ordinal, index), "feature_id": catalogued["id"]}
        shape = number % 20
        if shape == 3:
            return {"test_feature": copy}
        if shape == 7:
            return {"feature": catalogued}
        nested = {"test_feature": copy | {"feature": None if shape == 13 else catalogued}}
        return nested if shape % 2 else nested | {"feature": catalogued}


def _make_odd(payload: Json, number: int) -> None:
    """What a careful reader must survive: absent and empty fields, and strange text anywhere."""
    if number % 31 == 9:
        payload["author"] = None if number % 2 else {"name": None}
    if number % 62 == 41:
        del payload["author"]
    if number % 33 == 5:
        del payload["reported_at"]
    if number % 66 == 7:
        payload["reported_at"] = None
    if number % 53 == 8:
        payload["known"] = None
    if number % 59 == 9:
        del payload["known"]
    if number % 41 == 13:
        payload["actual_result"] = ODD[number // 41 % len(ODD)]
    if number % 41 == 27:
        payload["expected_result"] = None if number % 2 else ODD[number // 41 % len(ODD)]
    if number % 43 == 6:
        payload["location"] = (None, "", ODD_LOCATION)[number % 3]
    if number % 61 == 3:
        payload["comments"] = None
    if number % 67 == 3 and payload["status"] != "accepted":
        del payload["auto_accepted"]
    if number % 71 == 30:
        payload["report"] = {}


ODD_LOCATION = "Screen „Größe“ > 2. Tab\u0000 <b>🧦</b>"
