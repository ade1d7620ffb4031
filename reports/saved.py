"""Reports people saved: keeping and changing them, and offering them in the catalogue.

Whose they are is decided here, for pages, API and schedules alike: everybody has their own, and sees what others share
as far as they see all customers it is about. Only its owner changes or deletes a saved report.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from reports import catalogue
from reports.catalogue import Entry, NoSuchReport, ReportError
from reports.models import SAVED_PREFIX, SavedReport
from sync import access as caller
from sync import public_ids
from sync.access import Access
from sync.models import Customer

#: To keep reports of one's own, to change, share and delete them.
KEEP = "reports.add_savedreport"


class SaveRefused(ReportError):
    """Why a report cannot be saved like that, and what to do."""


class BadFields(ReportError):
    """Fields of a saved report or a schedule that cannot be used; ``faults`` has a reason for each, by its name."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__(" ".join(f"{name}: {reason}" for name, reason in self.faults.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A saved report as somebody wants it. ``customers`` by name; none means all that whoever runs it may see."""

    name: str
    report: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    tags: Collection[str] = ()
    is_shared: bool = False
    customers: Collection[str] = ()

    @classmethod
    def of(cls, saved: SavedReport) -> "Wanted":
        names = ("name", "report", "parameters", "title", "description", "tags", "is_shared")
        customers = [customer.name for customer in saved.customers.all()]
        return cls(**{name: getattr(saved, name) for name in names}, customers=customers)


@receiver(pre_delete, sender=Customer, dispatch_uid="reports.saved")
def forget_what_is_about_it_alone(instance: Customer, **_: object) -> None:
    """A report about a customer that is removed goes with it, and its schedule: about none, it would be about all."""
    for saved in SavedReport.objects.filter(customers=instance):
        if saved.customers.exclude(pk=instance.pk).exists():
            saved.customers.remove(instance)
        else:
            saved.delete()


# Whose it is ----------------------------------------------------------------------------------------------------------


def visible(access: Access) -> "QuerySet[SavedReport]":
    """Those the caller sees and may run; also their own of a report that this version does not have."""
    from reports.builtin import REPORTS  # they are made of what stands here

    allowed = Q(report__in=[report.name for report in REPORTS if access.may(report.permission)])
    stray = Q(owner=access.user.pk) & ~Q(report__in=[report.name for report in REPORTS])
    rows: QuerySet[SavedReport] = SavedReport.objects.seen(access).filter(allowed | stray)
    return rows.select_related("owner").prefetch_related("customers").order_by("name", "pk")


def own(access: Access) -> "QuerySet[SavedReport]":
    """Those of them that are the caller's to change."""
    return visible(access).filter(owner=access.user.pk)


def find(access: Access, text: str) -> SavedReport:
    """By its id. Raises ``NoSuchId``."""
    return public_ids.find(visible(access), SAVED_PREFIX, text)


def require_own(access: Access, saved: SavedReport) -> None:
    """Raises ``PermissionDenied`` for whoever may not change it."""
    if saved.owner_id != access.user.pk:
        raise PermissionDenied("Only whoever saved a report changes it. Save it under a name of your own.")
    _require_keeping(access)


# Keeping --------------------------------------------------------------------------------------------------------------


def save(access: Access, name: str, *, report: str, replaces: bool = True, **wanted: Any) -> SavedReport:
    """Keep a report under a name, as ``Wanted`` says; one's own of that name is replaced, unless ``replaces`` is off.

    Raises ``NoSuchReport``, ``BadParameters``, ``BadFields``, ``SaveRefused`` and ``PermissionDenied``.
    """
    _require_keeping(access)
    order = Wanted(name=name, report=report, **wanted)
    values, about = _checked(access, order)
    before = SavedReport.objects.filter(owner=access.user.pk, name=name).first()
    if before and not (replaces and own(access).filter(pk=before.pk).exists()):
        raise SaveRefused(_taken(name))
    return _stored(before or SavedReport(owner=access.user), values, about)


def change(access: Access, saved: SavedReport, changes: Mapping[str, Any]) -> SavedReport:
    """Change what ``changes`` names, the fields of ``Wanted``. Raises as ``save`` does."""
    require_own(access, saved)
    values, about = _checked(access, replace(Wanted.of(saved), **changes))
    return _stored(saved, values, about)


def delete(access: Access, saved: SavedReport) -> None:
    """With what is mailed of it. Raises ``PermissionDenied``."""
    require_own(access, saved)
    saved.delete()


def is_narrowed(access: Access) -> bool:
    """Whether this is a token for fewer customers than its owner sees."""
    return access.permissions is not None and access.customers != caller.of_user(access.user).customers


def _require_keeping(access: Access) -> None:
    if not access.may(KEEP):
        raise PermissionDenied(f"Saving reports needs the permission {KEEP}. Ask an administrator for it.")


def _checked(access: Access, order: Wanted) -> tuple[dict[str, Any], list[Customer]]:
    base = catalogue.built_in(order.report)
    if not access.may(base.permission):
        raise NoSuchReport(f'There is no report "{order.report}".')
    base.read(order.parameters)
    values = asdict(order) | {
        "title": order.title.strip() or order.name,
        "description": order.description.strip(),
        "tags": sorted({tag.strip().casefold() for tag in order.tags if tag.strip()}),
        "parameters": dict(order.parameters),
    }
    del values["customers"]
    _refuse_odd(SavedReport(owner=access.user, **values))
    return values, _about(access, order.customers)


def _about(access: Access, names: Collection[str]) -> list[Customer]:
    """What a token for some customers saves is about these alone: its owner, who sees more, runs and mails it."""
    seen = caller.customers(access)
    about = list(seen.filter(name__in=names))
    if missing := set(names) - {customer.name for customer in about}:
        raise SaveRefused(f"There is no customer {', '.join(sorted(missing))}.")
    if about or not is_narrowed(access):
        return about
    if not (own_ones := list(seen)):
        raise SaveRefused("This token sees no customer, so there is nothing to save a report about.")
    return own_ones


def _stored(saved: SavedReport, values: Mapping[str, Any], about: Collection[Customer]) -> SavedReport:
    for name, value in values.items():
        setattr(saved, name, value)
    try:
        with transaction.atomic():
            saved.save()
            saved.customers.set(about)
    except IntegrityError:
        raise SaveRefused(_taken(saved.name)) from None
    return saved


def _taken(name: str) -> str:
    return f'You have saved a report as "{name}" already. Change that one, or choose another name.'


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
        raise BadFields({name: " ".join(texts) for name, texts in refusal.message_dict.items()}) from None


# In the catalogue -----------------------------------------------------------------------------------------------------


def entries(access: Access) -> list[Entry]:
    """Those the caller may see and run, by name."""
    return [entry for entry in map(entry_of, visible(access)) if entry]


def entry_of(saved: SavedReport) -> Entry | None:
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
