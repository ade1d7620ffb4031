"""The catalogue of one product: its own row, features with user stories, and which section shows which."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.utils import timezone

from sync import store
from sync.models import Feature, SyncPhase
from sync.pipeline.context import Work
from sync.pipeline.parsing import parsed
from sync.runs import Phase, phase
from sync.testio.payloads import FeatureRecord, ProductRecord, parse_feature

#: Section assignments have no sign of change of their own; between full syncs they are read again this often.
SECTIONS_TTL = timedelta(days=1)


def sync_features(work: Work, record: ProductRecord | None) -> None:
    """The one feature fill of this product in this run; ``record`` is its entry in the product list, if read."""
    with phase(work.context.event, SyncPhase.Name.FEATURES, work.product) as recorded:
        now = timezone.now()
        payloads = work.client(recorded).features(work.product.pk)
        records = parsed(lambda payload: parse_feature(payload, work.product.pk), payloads, recorded)
        changed = _store(work, recorded, record, records)
        work.catalogue_read = True
        if _sections_due(work, changed):
            _sync_sections(work, recorded)
        work.stamp(recorded, features_synced_at=now)


def _store(work: Work, recorded: Phase, product: ProductRecord | None, records: Sequence[FeatureRecord]) -> bool:
    customer_id, force = work.context.customer.pk, work.context.options.force
    with work.page(recorded):
        product_changed = bool(product and store.save_product(customer_id, product, force=force).updated)
        saved = store.storable(
            lambda batch: store.save_features(customer_id, work.product.pk, batch, force=force), records
        )
        for sentence in saved.refused:
            recorded.problem(sentence)
        missing = _mark_missing(work, recorded, {record.id for record in records})
        recorded.count(seen=len(records), created=len(saved.created), updated=len(saved.updated), missing=missing)
    return product_changed or bool(saved.created or saved.updated)


def _mark_missing(work: Work, recorded: Phase, sent: Collection[int]) -> int:
    """The list holds every feature, so an absent one is gone; but a list that lost half of itself proves nothing."""
    stored = Feature.objects.filter(product=work.product, missing_since=None)
    known = set(stored.values_list("pk", flat=True))
    absent = known - set(sent)
    if not absent:
        return 0
    if len(absent) * 2 >= len(known):
        recorded.problem(
            f"{work.product}: the feature list shrank from {len(known)} to {len(sent)}; nothing was marked missing "
            "on that evidence. Check it in TestIO; if it is right, `manage.py sync --nuke` for this product accepts it."
        )
        return 0
    return store.mark_missing(Feature, absent)


def _sections_due(work: Work, changed: bool) -> bool:
    last = work.product.sections_synced_at
    return work.product.sections.filter(missing_since=None).exists() and (
        changed or work.context.options.reads_everything or last is None or last < timezone.now() - SECTIONS_TTL
    )


def _sync_sections(work: Work, recorded: Phase) -> None:
    now = timezone.now()
    client = work.client(recorded)
    features_of: dict[int, set[int]] = {}
    for section_id in work.product.sections.filter(missing_since=None).values_list("pk", flat=True):
        work.context.check_stop()
        payloads = client.section_features(work.product.pk, section_id)
        features = parsed(lambda payload: parse_feature(payload, work.product.pk), payloads, recorded)
        features_of[section_id] = {record.id for record in features}
    with work.page(recorded):
        store.save_section_features(work.product.pk, features_of)
    work.stamp(recorded, sections_synced_at=now)
