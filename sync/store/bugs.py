"""Bugs, with their devices and custom reports."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import orjson
from psycopg import sql

from sync.bulk import Target, insert, latest, merge
from sync.models import Bug, BugDevice, CustomReport, Person, Test, TestFeature
from sync.store.catalogue import Mention, ensure_features
from sync.store.people import People
from sync.store.saved import Saved, owned_by
from sync.store.sets import device_set
from sync.testio.payloads import BugRecord

_BUGS = Target(
    Bug,
    (
        "id", "product_id", "test_id", "mentioned_test_id", "test_feature_id", "feature_id", "author_id", "title",
        "severity", "status", "known", "rejection_reason", "language", "location", "expected_result",
        "actual_result", "steps", "reported_at", "exported_at", "raw", "fingerprint", "notes", "missing_since",
        "device_set",
    ),
    compare=("fingerprint", "missing_since"),
    stamp="changed_at",
)  # fmt: skip
_TEST_FEATURE_STUBS = Target(
    TestFeature,
    (
        "id", "test_id", "feature_id", "title", "description", "howtofind", "user_stories", "enable_default",
        "enable_content", "enable_visual", "missing_since",
    ),
    guard=sql.SQL("FALSE"),
)  # fmt: skip


def save_bugs(
    customer_id: int,
    product_id: int,
    test_ids: Collection[int],
    records: Sequence[BugRecord],
    *,
    people: People,
    now: datetime,
    force: bool = False,
) -> Saved:
    """Merge bugs that were asked for by ``test_ids``, stored tests of this product.

    Features and test features that only bugs mention become stubs, so every bug keeps its link. A bug that
    mentions a test we have not read keeps that id and waits for it. ``people`` must know the authors.
    """
    records = latest(records)
    tests = _linkable_tests(customer_id, test_ids, records)
    features, stubs = _features(customer_id, product_id, tests, records, now)
    target = replace(_BUGS, guard=owned_by(customer_id))
    merged = merge(target, (_row(product_id, tests, features, record, people) for record in records), force=force)
    touched_ids = merged.touched
    touched = [record for record in records if record.id in touched_ids]
    _replace_devices(touched, merged.updated)
    _replace_reports(touched, merged.updated)
    return Saved.of(merged, "Bug", stubs)


def _linkable_tests(customer_id: int, test_ids: Collection[int], records: Sequence[BugRecord]) -> set[int]:
    """The tests asked for, and whichever other tests of the customer TestIO's answer mentions."""
    others = {record.mentioned_test_id for record in records if record.mentioned_test_id} - set(test_ids)
    known = Test.objects.filter(pk__in=others, product__customer_id=customer_id) if others else Test.objects.none()
    return {*test_ids, *known.values_list("pk", flat=True)}


class _Features:
    """Which test feature and which catalogue feature a bug may point to."""

    def __init__(self, catalogue_of: dict[int, int | None], linkable: set[int]) -> None:
        self._catalogue_of = catalogue_of
        self._linkable = linkable

    def of(self, record: BugRecord) -> tuple[int | None, int | None]:
        copy = record.test_feature_id if record.test_feature_id in self._catalogue_of else None
        own = record.feature_id if record.feature_id in self._linkable else None
        return copy, own or (self._catalogue_of[copy] if copy else None)


def _features(
    customer_id: int, product_id: int, tests: Collection[int], records: Sequence[BugRecord], now: datetime
) -> tuple[_Features, dict[int, int | None]]:
    mentions = {
        record.feature_id: Mention(record.test_feature_title, record.mentioned_test_id)
        for record in sorted(records, key=lambda each: bool(each.test_feature_title))  # a title is kept if any has it
        if record.feature_id
    }
    linkable, stubs = ensure_features(customer_id, product_id, mentions, now)
    mentioned = {record.test_feature_id: record for record in records if record.test_feature_id}
    catalogue_of = _stored_copies(tests)
    new = {
        copy: record
        for copy, record in mentioned.items()
        if copy not in catalogue_of and record.mentioned_test_id in tests
    }
    merge(_TEST_FEATURE_STUBS, (_stub(copy, new[copy], linkable, now) for copy in sorted(new)))
    # Read again rather than assumed: a copy's id that belongs to some other test must not be linked.
    return _Features(_stored_copies(tests) if new else catalogue_of, linkable), stubs


def _stored_copies(tests: Collection[int]) -> dict[int, int | None]:
    """Test feature to catalogue feature, for all test features of these tests."""
    return dict(TestFeature.objects.filter(test_id__in=tests).values_list("pk", "feature_id"))


def _stub(copy: int, record: BugRecord, linkable: set[int], now: datetime) -> tuple[object, ...]:
    feature = record.feature_id if record.feature_id in linkable else None
    title = record.test_feature_title
    return (copy, record.mentioned_test_id, feature, title, "", "", [], False, False, False, now)


def _replace_devices(records: Sequence[BugRecord], updated: set[int]) -> None:
    if updated:
        BugDevice.objects.filter(bug_id__in=updated).delete()
    insert(
        BugDevice,
        ("bug_id", "position", "category", "device", "operating_system", "browsers"),
        (
            (record.id, position, device.category, device.device, device.operating_system, device.browsers)
            for record in records
            for position, device in enumerate(record.devices)
        ),
    )


def _replace_reports(records: Sequence[BugRecord], updated: set[int]) -> None:
    if updated:
        CustomReport.objects.filter(bug_id__in=updated).delete()
    insert(
        CustomReport,
        ("bug_id", "configuration_id", "data", "plain_text_interactions"),
        (
            (
                record.id,
                record.report.configuration_id,
                orjson.dumps(record.report.data).decode(),
                record.report.plain_text_interactions,
            )
            for record in records
            if record.report
        ),
    )


def _row(
    product_id: int, tests: set[int], features: _Features, record: BugRecord, people: People
) -> tuple[object, ...]:
    test_feature_id, feature_id = features.of(record)
    return (
        record.id,
        product_id,
        record.mentioned_test_id if record.mentioned_test_id in tests else None,
        record.mentioned_test_id,
        test_feature_id,
        feature_id,
        people.id_of(Person.Kind.TESTER, record.author),
        record.title,
        record.severity,
        record.status,
        record.known,
        record.rejection_reason,
        record.language,
        record.location,
        record.expected_result,
        record.actual_result,
        record.steps,
        record.reported_at,
        record.exported_at,
        record.raw,
        record.fingerprint,
        record.notes,
        None,
        device_set((each.category, each.operating_system, each.browsers) for each in record.devices),
    )
