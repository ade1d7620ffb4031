"""Products, sections, features and user stories."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

from sync.bulk import Target, latest, merge
from sync.models import Feature, Product, Section, UserStory
from sync.store.saved import Saved, owned_by
from sync.testio.payloads import FeatureRecord, ProductRecord, SectionRecord

_SYNCED = ("raw", "fingerprint", "notes", "missing_since")
_CHANGED = ("fingerprint", "missing_since")

_PRODUCTS = Target(
    Product,
    ("id", "customer_id", "name", "product_type", "description", "is_sectioned", *_SYNCED),
    compare=_CHANGED,
    stamp="changed_at",
)
_SECTIONS = Target(Section, ("id", "product_id", "name", "missing_since"))
_FEATURES = Target(
    Feature,
    ("id", "product_id", "title", "description", "howtofind", *_SYNCED),
    compare=_CHANGED,
    stamp="changed_at",
)
_STORIES = Target(
    UserStory, ("feature_id", "key", "testio_id", "title", "path", "missing_since"), key=("feature_id", "key")
)
_SAME_CUSTOMER = sql.SQL("old.customer_id = excluded.customer_id")
_SAME_PRODUCT = sql.SQL("old.product_id = excluded.product_id")


@transaction.atomic
def add_products(customer_id: int, records: Sequence[ProductRecord]) -> Saved:
    """Insert products we do not know yet; known ones are only written under their lease (``save_product``).

    Brings its own transaction: a product that is not there has no lease to prove. Ids that belong to another
    customer are refused with a sentence.
    """
    known = dict(Product.objects.filter(pk__in=[record.id for record in records]).values_list("pk", "customer_id"))
    foreign = {pk for pk, owner in known.items() if owner != customer_id}
    new = [record for record in latest(records) if record.id not in known]
    merged = merge(replace(_PRODUCTS, guard=sql.SQL("FALSE")), (_product_row(customer_id, record) for record in new))
    merged.refused |= foreign
    return Saved.of(merged, "Product")


def save_product(customer_id: int, record: ProductRecord, *, force: bool = False) -> Saved:
    """Update one product and the sections it names. Others are left alone: their own addresses say what is gone."""
    target = replace(_PRODUCTS, guard=_SAME_CUSTOMER)
    saved = Saved.of(merge(target, [_product_row(customer_id, record)], force=force), "Product")
    if saved.refused:
        return saved
    save_sections(record.id, record.sections)
    return saved


def save_sections(product_id: int, sections: Iterable[SectionRecord]) -> None:
    rows = [(section.id, product_id, section.name, None) for section in latest(sections)]
    merge(replace(_SECTIONS, guard=_SAME_PRODUCT), rows)


def save_features(customer_id: int, product_id: int, records: Sequence[FeatureRecord], *, force: bool = False) -> Saved:
    """Merge features, and the user stories of those that changed; stories no longer sent become missing."""
    records = latest(records)
    target = replace(_FEATURES, guard=owned_by(customer_id))
    saved = Saved.of(merge(target, (_feature_row(product_id, record) for record in records), force=force), "Feature")
    touched = saved.created | saved.updated
    _save_stories([record for record in records if record.id in touched])
    return saved


def save_section_features(product_id: int, features_of: Mapping[int, Collection[int]]) -> None:
    """Which sections show which features: the links of exactly these sections are replaced."""
    links = Feature.sections.through
    own = set(Feature.objects.filter(product_id=product_id).values_list("pk", flat=True))
    wanted = {(feature, section) for section, features in features_of.items() for feature in features if feature in own}
    current = links.objects.filter(section_id__in=list(features_of))
    existing = {(link.feature_id, link.section_id): link.pk for link in current}
    links.objects.filter(pk__in=[pk for pair, pk in existing.items() if pair not in wanted]).delete()
    links.objects.bulk_create(
        [links(feature_id=feature, section_id=section) for feature, section in sorted(wanted - existing.keys())],
        ignore_conflicts=True,
    )


class Mention(NamedTuple):
    """A catalogue feature as a test or bug mentions it."""

    title: str
    test_id: int | None


def ensure_features(
    customer_id: int, product_id: int, mentions: Mapping[int, Mention], now: datetime
) -> tuple[set[int], dict[int, int | None]]:
    """Make every catalogue id that tests or bugs mention a row they can point to.

    Ids the catalogue does not have become stubs marked missing. Returns the ids that may be linked, and the stubs
    made now with a test that uses each; another customer's ids are in neither.
    """
    owners = _owners(mentions)
    unknown = sorted(mentions.keys() - owners.keys())
    merged = merge(
        replace(_FEATURES, guard=sql.SQL("FALSE")),
        ((pk, product_id, mentions[pk].title, "", "", "{}", b"", ["Only tests mention it."], now) for pk in unknown),
    )
    if merged.refused:  # stored by another product's writer since we looked
        owners |= _owners(merged.refused)
    linkable = {pk for pk, owner in owners.items() if owner == customer_id} | merged.created
    return linkable, {pk: mentions[pk].test_id for pk in merged.created}


def _owners(feature_ids: Collection[int]) -> dict[int, int]:
    return dict(Feature.objects.filter(pk__in=list(feature_ids)).values_list("pk", "product__customer_id"))


def mark_missing(model: type[Model], ids: Iterable[int]) -> int:
    """Stamp rows TestIO no longer has; how many were not stamped before."""
    ids = list(ids)
    if not ids:
        return 0
    statement = sql.SQL("UPDATE {} SET missing_since = now() WHERE id = ANY(%s) AND missing_since IS NULL")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(sql.Identifier(model._meta.db_table)), [ids])
        return int(cursor.rowcount)


def _save_stories(records: Sequence[FeatureRecord]) -> None:
    rows = {
        (record.id, story.key): (record.id, story.key, story.testio_id, story.title, story.path, None)
        for record in records
        for story in record.stories
    }
    merge(_STORIES, [rows[key] for key in sorted(rows)])
    stored = UserStory.objects.filter(feature_id__in=[record.id for record in records], missing_since=None)
    gone = [pk for pk, *key in stored.values_list("pk", "feature_id", "key") if tuple(key) not in rows]
    mark_missing(UserStory, gone)


def _product_row(customer_id: int, record: ProductRecord) -> tuple[object, ...]:
    return (
        record.id,
        customer_id,
        record.name,
        record.product_type,
        record.description,
        record.is_sectioned,
        record.raw,
        record.fingerprint,
        record.notes,
        None,
    )


def _feature_row(product_id: int, record: FeatureRecord) -> tuple[object, ...]:
    return (
        record.id,
        product_id,
        record.title,
        record.description,
        record.howtofind,
        record.raw,
        record.fingerprint,
        record.notes,
        None,
    )
