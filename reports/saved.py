"""Reports people saved: keeping them, and offering them in the catalogue."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from reports import catalogue
from reports.catalogue import BadParameters, Entry, NoSuchReport, ReportError
from reports.models import SavedReport
from sync import access as caller
from sync.access import Access


class SaveRefused(ReportError):
    """Why a report cannot be saved like that, and what to do."""


def save(
    access: Access,
    name: str,
    *,
    report: str,
    parameters: Mapping[str, Any],
    title: str = "",
    description: str = "",
    tags: Collection[str] = (),
    is_shared: bool = False,
    customers: Collection[str] = (),
) -> SavedReport:
    """Keep a report under a name; one's own of that name is replaced.

    Raises ``NoSuchReport``, ``BadParameters`` and ``SaveRefused``.
    """
    base = catalogue.built_in(report)
    if not access.may(base.permission):
        raise NoSuchReport(f'There is no report "{report}".')
    base.read(parameters)
    about = list(caller.customers(access).filter(name__in=customers))
    if missing := set(customers) - {customer.name for customer in about}:
        raise SaveRefused(f"There is no customer {', '.join(sorted(missing))}.")
    values = {
        "title": title.strip() or name,
        "description": description.strip(),
        "tags": sorted({tag.strip().casefold() for tag in tags if tag.strip()}),
        "is_shared": is_shared,
        "report": base.name,
        "parameters": dict(parameters),
    }
    _refuse_odd(SavedReport(name=name, owner=access.user, **values))
    try:
        with transaction.atomic():
            saved, _ = SavedReport.objects.update_or_create(owner=access.user, name=name, defaults=values)
            saved.customers.set(about)
    except IntegrityError:
        raise SaveRefused(f'Somebody is saving "{name}" right now. Try again.') from None
    return saved


def entries(access: Access) -> list[Entry]:
    """Those the caller may see and run, by name."""
    rows = SavedReport.objects.seen(access).select_related("owner").prefetch_related("customers").order_by("name", "pk")
    found = [_entry(saved) for saved in rows]
    return [entry for entry in found if entry and access.may(entry.report.permission)]


def _entry(saved: SavedReport) -> Entry | None:
    """None for one that is made of a report this version does not have."""
    try:
        report = catalogue.built_in(saved.report)
    except NoSuchReport:
        return None
    about = frozenset(customer.pk for customer in saved.customers.all())
    return Entry(
        name=saved.name,
        title=saved.title,
        description=saved.description or report.description,
        tags=tuple(saved.tags) or report.tags,
        report=report,
        parameters=saved.parameters,
        saved_id=saved.public_id,
        owner=saved.owner.get_username(),
        customers=about or None,
    )


def _refuse_odd(saved: SavedReport) -> None:
    try:
        catalogue.built_in(saved.name)
    except NoSuchReport:
        pass
    else:
        raise SaveRefused(f'"{saved.name}" is the name of a report that comes with the program. Choose another.')
    try:
        saved.clean_fields(exclude=["owner"])
    except ValidationError as refusal:
        raise BadParameters({name: " ".join(texts) for name, texts in refusal.message_dict.items()}) from None
