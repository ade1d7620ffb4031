"""A sandbox's world as the naive figures read it: from what TestIO would say, not from our tables."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync.sandbox import World
from tests.reports import naive
from tests.sync.pipeline.synced import moment, named, text

Json = dict[str, Any]
People = Mapping[tuple[str, str], int]


def read(world: World, customer_id: int, people: People) -> naive.World:
    """``people``: our ids by role and name, the only thing that TestIO has no ids for."""
    tests = {pk: world.test_payload(pk) for pk in world.test_ids()}
    bugs = {bug["id"]: bug for pk in tests for bug in world.bug_payloads(pk)}
    return naive.World(
        products={pk: {"customer_id": customer_id} for pk in world.product_ids()},
        tests={pk: _test(test, people) for pk, test in tests.items()},
        bugs={pk: _bug(bug, world.rejection_reason(pk), people) for pk, bug in bugs.items()},
        covered={pk: [each["feature_id"] for each in test["features"]] for pk, test in tests.items()},
        platforms={
            pk: [named(each["operating_system"]) for each in test["requirements"]] for pk, test in tests.items()
        },
        devices={pk: [_device(each) for each in bug["devices"] or ()] for pk, bug in bugs.items()},
        reports={pk: _report(bug["report"]) for pk, bug in bugs.items() if bug["report"]},
    )


def _test(test: Json, people: People) -> Json:
    creator = text(test["created_by"])
    return {
        "id": test["id"],
        "product_id": test["product"]["id"],
        "section_id": _id(test["section"]),
        "created_by_id": people["customer", creator] if creator else None,
        "testing_type": test["testing_type"],
        "status": test["status"],
        "environment_id": _id(test["test_environment"]),
        "end_at": moment(test["end_at"]),
    }


def _bug(bug: Json, reason: str | None, people: People) -> Json:
    author = named(bug.get("author"))
    status, automatic = bug["status"], bug.get("auto_accepted")
    reported: datetime | None = moment(bug.get("reported_at"))
    return {
        "id": bug["id"],
        "test_id": bug["test"]["id"],
        "product_id": bug["product"]["id"],
        "feature_id": _feature(bug),
        "author_id": people["tester", author] if author else None,
        "severity": bug["severity"],
        "status": "auto_accepted" if status == "accepted" and automatic else status,
        "rejection_reason": reason if status == "rejected" else None,
        "known": bool(bug.get("known")),
        "reported_at": reported,
    }


def _feature(bug: Json) -> int | None:
    """TestIO names it beside the bug, within the test's copy of it, or only by the copy's id of it."""
    copy = bug.get("test_feature") or {}
    return _id(bug.get("feature")) or _id(copy.get("feature")) or copy.get("feature_id")


def _device(device: Json) -> Json:
    return {
        "operating_system": named(device["operating_system"]),
        "category": named(device["category"]),
        "browsers": [named(browser) for browser in device["browsers"] or ()],
    }


def _report(report: Json) -> list[Json]:
    return list(report["content"]["data"])


def _id(named_thing: Json | None) -> int | None:
    return int(named_thing["id"]) if named_thing else None
