"""Tests, with their features and platforms."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from psycopg import sql

from sync.bulk import Target, insert, latest, merge
from sync.models import Bug, Person, Section, Test, TestFeature, TestFreshness, TestPlatform
from sync.store.catalogue import Mention, ensure_features, mark_missing, save_sections
from sync.store.people import People
from sync.store.saved import Saved, owned_by
from sync.store.sets import platform_set
from sync.testio.payloads import TestRecord

_TESTS = Target(
    Test,
    (
        "id", "product_id", "section_id", "title", "status", "review_status", "testing_type", "start_at", "end_at",
        "goal", "instructions", "out_of_scope", "environment_id", "environment_title", "enable_low", "enable_high",
        "enable_critical", "is_demo", "created_by_id", "submitted_by_id", "raw", "fingerprint", "notes",
        "missing_since", "platform_set",
    ),
    compare=("fingerprint", "missing_since"),
    stamp="changed_at",
)  # fmt: skip
_TEST_FEATURES = Target(
    TestFeature,
    (
        "id", "test_id", "feature_id", "title", "description", "howtofind", "user_stories", "enable_default",
        "enable_content", "enable_visual", "missing_since",
    ),
    guard=sql.SQL("old.test_id = excluded.test_id"),
)  # fmt: skip
_PLATFORM_COLUMNS = (
    "test_id", "position", "category", "category_key", "operating_system", "operating_system_id", "min_version",
    "max_version", "browsers", "devices",
)  # fmt: skip


def save_tests(
    customer_id: int,
    product_id: int,
    records: Sequence[TestRecord],
    *,
    people: People,
    now: datetime,
    force: bool = False,
) -> Saved:
    """Merge tests of one product; of those new or changed also their features and platforms.

    A new or changed test is due for its bugs and results again. Bugs that waited for a test are linked to it.
    ``people`` must know the records' customer users.
    """
    records = latest(records)
    sections = _usable_sections(product_id, records)
    target = replace(_TESTS, guard=owned_by(customer_id))
    merged = merge(target, (_row(product_id, record, sections, people) for record in records), force=force)
    touched_ids = merged.touched
    touched = [record for record in records if record.id in touched_ids]
    stubs = _save_features(customer_id, product_id, touched, merged.updated, now)
    _replace_platforms(touched, merged.updated)
    _make_due([record.id for record in touched])
    if merged.created:
        waiting = Bug.objects.filter(test=None, mentioned_test_id__in=merged.created)
        waiting.filter(product__customer_id=customer_id).update(test_id=F("mentioned_test_id"))
    return Saved.of(merged, "Test", stubs)


def _usable_sections(product_id: int, records: Sequence[TestRecord]) -> set[int]:
    """Sections of this product; ones that only tests mention are stored on the way."""
    mentioned = {record.section.id: record.section for record in records if record.section}
    if not mentioned:
        return set()
    stored = dict(Section.objects.filter(pk__in=list(mentioned)).values_list("pk", "product_id"))
    unknown = mentioned.keys() - stored.keys()
    save_sections(product_id, [mentioned[pk] for pk in unknown])
    return {pk for pk, owner in stored.items() if owner == product_id} | unknown


def _save_features(
    customer_id: int, product_id: int, records: Sequence[TestRecord], updated: set[int], now: datetime
) -> dict[int, int | None]:
    mentions = {
        copy.feature_id: Mention(copy.title, record.id)
        for record in records
        for copy in record.test_features
        if copy.feature_id
    }
    linkable, stubs = ensure_features(customer_id, product_id, mentions, now)
    rows = {
        copy.id: (
            copy.id, record.id, copy.feature_id if copy.feature_id in linkable else None, copy.title,
            copy.description, copy.howtofind, copy.user_stories, copy.enable_default, copy.enable_content,
            copy.enable_visual, None,
        )
        for record in records
        for copy in record.test_features
    }  # fmt: skip
    merge(_TEST_FEATURES, [rows[pk] for pk in sorted(rows)])
    if updated:  # what is new had no features yet
        stored = TestFeature.objects.filter(test_id__in=updated, missing_since=None)
        mark_missing(TestFeature, [pk for pk in stored.values_list("pk", flat=True) if pk not in rows])
    return stubs


def _replace_platforms(records: Sequence[TestRecord], updated: set[int]) -> None:
    if updated:
        TestPlatform.objects.filter(test_id__in=updated).delete()
    insert(
        TestPlatform,
        _PLATFORM_COLUMNS,
        (
            (
                record.id, position, platform.category, platform.category_key, platform.operating_system,
                platform.operating_system_id, platform.min_version, platform.max_version, platform.browsers,
                platform.devices,
            )
            for record in records
            for position, platform in enumerate(record.platforms)
        ),
    )  # fmt: skip


def _make_due(test_ids: Sequence[int]) -> None:
    """New and changed tests have their bugs and results read (again), whatever was read before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_testfreshness (test_id, bugs_settled, results_settled) "
            "SELECT unnest(%s::bigint[]), FALSE, FALSE ON CONFLICT (test_id) DO UPDATE SET "
            "bugs_synced_at = NULL, bugs_settled = FALSE, results_synced_at = NULL, results_settled = FALSE",
            [list(test_ids)],
        )


def _row(product_id: int, record: TestRecord, sections: set[int], people: People) -> tuple[object, ...]:
    return (
        record.id,
        product_id,
        record.section.id if record.section and record.section.id in sections else None,
        record.title,
        record.status,
        record.review_status,
        record.testing_type,
        record.start_at,
        record.end_at,
        record.goal,
        record.instructions,
        record.out_of_scope,
        record.environment_id,
        record.environment_title,
        record.enable_low,
        record.enable_high,
        record.enable_critical,
        record.is_demo,
        people.id_of(Person.Kind.CUSTOMER, record.created_by),
        people.id_of(Person.Kind.CUSTOMER, record.submitted_by),
        record.raw,
        record.fingerprint,
        record.notes,
        None,
        platform_set(each.operating_system for each in record.platforms),
    )


def mark_unreadable(test_ids: Sequence[int]) -> None:
    """Note since when the own addresses of these tests answer 500."""
    TestFreshness.objects.filter(pk__in=test_ids, unreadable_since=None).update(unreadable_since=Now())


def mark_readable(product_id: int, test_ids: Collection[int]) -> None:
    """Take the note back from those of a product's tests that could be read again."""
    noted = TestFreshness.objects.filter(test__product_id=product_id, unreadable_since__isnull=False)
    readable = [pk for pk in noted.values_list("pk", flat=True) if pk in test_ids]
    TestFreshness.objects.filter(pk__in=readable).update(unreadable_since=None)
