"""The thresholds that health classes come from: the site's, and those that customers have instead."""

from collections.abc import Iterator

from django.http import Http404
from ninja import Field, Router, Schema
from pydantic import BaseModel, ConfigDict

from reports import own_thresholds
from reports.api.quality import thresholds, thresholds_of_customer
from reports.catalogue import BadParameters
from reports.schemas.quality import AllThresholds, ThresholdsOfCustomer
from reports.thresholds import Thresholds
from sync import access
from sync.access import Request, require
from sync.api import params
from sync.api.listing import Document
from sync.models import Customer

router = Router(tags=["Quality"])

VIEW, CHANGE = "sync.view_product", "sync.change_customer"


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    warning: float = Field(ge=0, le=1, strict=True, examples=[0.3])
    critical: float = Field(ge=0, le=1, strict=True, examples=[0.5])


class OwnThresholds(Schema):
    """What is left out, or null, is as on this site."""

    model_config = ConfigDict(extra="forbid")

    rejection: Limits | None = Field(None, description="High values are the bad ones: critical is not below warning.")
    auto_acceptance: Limits | None = Field(None, description="As `rejection`.")
    active_acceptance: Limits | None = Field(None, description="Low values are the bad ones: critical is not above.")
    review: Limits | None = Field(None, description="As `active_acceptance`.")

    def given(self) -> dict[str, dict[str, float]]:
        """Raises ``BadParameters`` for each rate whose thresholds are not in order."""
        own: dict[str, dict[str, float]] = {name: each.model_dump() for name, each in self if each is not None}
        if faults := dict(_faults(own)):
            raise BadParameters(faults)
        return own


@router.get("/thresholds", response=AllThresholds)
def read_thresholds(request: Request) -> Document:
    """From where on a rate is worth a look: on this site, and for each of your customers."""
    require(request, VIEW)
    rows = access.customers(request.access).select_related("thresholds").order_by("name")
    return thresholds(Thresholds.from_settings()) | {"customers": [_of(customer) for customer in rows]}


@router.get("/thresholds/{customer}", response={200: ThresholdsOfCustomer, 404: None})
def read_thresholds_of(request: Request, customer: params.NamedCustomer) -> Document:
    """What holds for one customer."""
    require(request, VIEW)
    return _of(_customer(request, customer))


@router.put("/thresholds/{customer}", response={200: ThresholdsOfCustomer, 404: None, 409: None})
def set_thresholds_of(request: Request, customer: params.NamedCustomer, body: OwnThresholds) -> Document:
    """Give a customer thresholds of its own, all at once; `{}` takes them away. The change is in the admin's log.

    409: critical would be reached before warning.
    """
    require(request, CHANGE)
    found = _customer(request, customer)
    own_thresholds.keep(found, body.given(), request.user)
    return _of(_customer(request, customer))


def _customer(request: Request, name: str) -> Customer:
    found = access.customers(request.access).select_related("thresholds").filter(name=name).first()
    if found is None:
        raise Http404(f'There is no customer "{name}" here.')
    return found


def _of(customer: Customer) -> Document:
    return thresholds_of_customer(customer, own_thresholds.of_customer(customer))


def _faults(own: dict[str, dict[str, float]]) -> Iterator[tuple[str, str]]:
    for name, limits in own.items():
        try:
            Thresholds.from_settings().with_changes({name: limits})
        except ValueError as refusal:
            yield name, str(refusal)
