"""Saved reports for programs, under ``/api/v1/reports/saved``. Whose they are is decided in ``reports.saved``."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from django.http import Http404, HttpResponse
from django.urls import reverse
from ninja import P, PathEx, Query, Router, Status
from ninja.errors import ValidationError

from reports import catalogue, saved
from reports.catalogue import NoSuchReport, NotThere
from reports.models import SavedReport
from reports.saved import BadFields, SaveRefused
from reports.schemas.saved import SavedCard, SavedChange, SavedList, SavedOrder, SavedQuery
from sync import access
from sync.access import NotHere, Request, require
from sync.pipeline import SyncImpossible

router = Router(tags=["Reports"])

VIEW = "reports.view_savedreport"

SavedId = PathEx[str, P(description="The UUID, the public id, or the beginning of either.", example="sav_0123456789ab")]
SAVED = {"responses": {201: {"headers": {"Location": {"description": "The report.", "schema": {"type": "string"}}}}}}

Found = TypeVar("Found")


@router.get("/reports/saved", response=SavedList)
def list_saved(request: Request, query: Query[SavedQuery]) -> SavedList:
    """Your saved reports and those that are shared with you, by name."""
    require(request, VIEW)
    rows = saved.own(request.access) if query.mine else saved.visible(request.access)
    return SavedList(saved=[_card(row, request) for row in rows])


@router.post("/reports/saved", response={201: SavedCard, 404: None, 409: None}, openapi_extra=SAVED)
def save_report(request: Request, body: SavedOrder, response: HttpResponse) -> Status[SavedCard]:
    """Keep a report with its parameters under a name of your own; 409 for one that you use already.

    A token for some customers saves reports about these: without `customers`, about all of them.
    """
    require(request, saved.KEEP)
    wanted = body.model_dump()
    _refuse_missing(request, wanted["report"], wanted)
    row = kept(lambda: saved.save(request.access, replaces=False, **wanted))
    response["Location"] = reverse("api:read_saved", args=[row.public_id])
    return Status(201, _card(row, request))


@router.get("/reports/saved/{saved_report}", response={200: SavedCard, 404: None}, url_name="read_saved")
def read_saved(request: Request, saved_report: SavedId) -> SavedCard:
    """One saved report."""
    require(request, VIEW)
    return _card(saved.find(request.access, saved_report), request)


@router.patch("/reports/saved/{saved_report}", response={200: SavedCard, 404: None, 409: None})
def change_saved(request: Request, saved_report: SavedId, body: SavedChange) -> SavedCard:
    """Change one of your saved reports. What is mailed of it follows."""
    require(request, VIEW)
    row = saved.find(request.access, saved_report)
    saved.require_own(request.access, row)
    changes = body.model_dump(exclude_unset=True)
    if changes.keys() & {"parameters", "customers"}:
        _refuse_missing(request, row.report, {"parameters": row.parameters, **changes})
    return _card(kept(lambda: saved.change(request.access, row, changes)), request)


@router.delete("/reports/saved/{saved_report}", response={204: None, 404: None})
def delete_saved(request: Request, saved_report: SavedId) -> Status[None]:
    """Delete one of your saved reports, with what is mailed of it. Its files stay until they expire."""
    require(request, VIEW)
    saved.delete(request.access, saved.find(request.access, saved_report))
    return Status(204, None)


# ----------------------------------------------------------------------------------------------------------------------


def kept(do: Callable[[], Found]) -> Found:
    """What ``do`` gives, its refusals as this API has them."""
    try:
        return do()
    except BadFields as refusal:
        raise ValidationError([{"loc": ("body", name), "msg": text} for name, text in refusal.faults.items()]) from None
    except NoSuchReport as refusal:
        raise Http404(str(refusal)) from None
    except SaveRefused as refusal:
        raise SyncImpossible(str(refusal)) from None


def refuse_missing(request: Request, entry: catalogue.Entry, parameters: Mapping[str, Any]) -> None:
    """Raises ``NotHere`` where parameters name what is not there, or not for the caller; ``BadParameters``."""
    try:
        entry.check(request.access, parameters)
    except NotThere as refusal:
        raise NotHere({f"parameters.{name}": _sentence(text) for name, text in refusal.faults.items()}) from None


def _refuse_missing(request: Request, report: str, wanted: Mapping[str, Any]) -> None:
    _refuse_strangers(request, wanted.get("customers", ()))
    try:
        entry = catalogue.of_report(request.access, report)
    except NoSuchReport as refusal:
        raise Http404(str(refusal)) from None
    refuse_missing(request, entry, wanted["parameters"])


def _refuse_strangers(request: Request, names: Collection[str]) -> None:
    there = set(access.customers(request.access).filter(name__in=names).values_list("name", flat=True))
    missing = {f"customers.{place}": name for place, name in enumerate(names) if name not in there}
    if missing:
        raise NotHere({place: f'There is no customer "{name}" here.' for place, name in missing.items()})


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _card(row: SavedReport, request: Request) -> SavedCard:
    plain = {name: getattr(row, name) for name in ("name", "title", "description", "tags", "report", "parameters")}
    return SavedCard(
        id=row.public_id,
        owner=row.owner.get_username(),
        is_mine=row.owner_id == request.access.user.pk,
        is_shared=row.is_shared,
        customers=sorted(customer.name for customer in row.customers.all()),
        created_at=row.created_at,
        **plain,
    )
