"""The catalogue of one product: its own row, features with user stories, and which section shows which."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from django.utils import timezone

from sync import store
from sync.evidence import is_doubtful
from sync.models import Feature, Section, SyncPhase
from sync.pipeline.context import Work
from sync.pipeline.parsing import parsed
from sync.runs import Phase, phase
from sync.testio.errors import TestIONotFound
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
    """The list holds every feature, so an absent one is gone; unless so many are absent that the list is in doubt."""
    stored = Feature.objects.filter(product=work.product, missing_since=None)
    known = set(stored.values_list("pk", flat=True))
    absent = known - set(sent)
    if is_doubtful(len(known), len(absent)):
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
    """Every stored section at its own address: what it shows now, or, when that answers 404, that it is gone."""
    now = timezone.now()
    client = work.client(recorded)
    features_of: dict[int, set[int]] = {}
    gone: list[int] = []
    for section_id in work.product.sections.filter(missing_since=None).values_list("pk", flat=True):
        work.context.check_stop()
        try:
            payloads = client.section_features(work.product.pk, section_id)
        except TestIONotFound:
            gone.append(section_id)
            continue
        features = parsed(lambda payload: parse_feature(payload, work.product.pk), payloads, recorded)
        features_of[section_id] = {record.id for record in features}
    doubted = _doubted_sections(features_of)
    for section_id in doubted:
        del features_of[section_id]
    with work.page(recorded):
        store.save_section_features(work.product.pk, features_of)
        recorded.count(missing=store.mark_missing(Section, gone))
    if doubted:
        recorded.problem(
            f"{work.product}: the feature lists of sections {sorted(doubted)} lost so many entries that they are "
            "doubted; what was known of them is kept. The next sync reads them again."
        )
    else:
        work.stamp(recorded, sections_synced_at=now)


def _doubted_sections(features_of: Mapping[int, Collection[int]]) -> list[int]:
    links = Feature.sections.through.objects.filter(section_id__in=list(features_of))
    known: dict[int, set[int]] = {}
    for section_id, feature_id in links.values_list("section_id", "feature_id"):
        known.setdefault(section_id, set()).add(feature_id)
    return [pk for pk, stored in known.items() if is_doubtful(len(stored), len(stored - set(features_of[pk])))]
