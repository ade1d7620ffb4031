"""The thresholds that health classes come from."""

from ninja import Router

from reports.api.quality import thresholds
from reports.schemas.quality import Thresholds
from reports.thresholds import Thresholds as Chosen
from sync.access import Request, require
from sync.api.listing import Document

router = Router(tags=["Quality"])


@router.get("/thresholds", response=Thresholds)
def read_thresholds(request: Request) -> Document:
    """From where on a rate is worth a look. They are settings of this site and hold for every customer."""
    require(request, "sync.view_product")
    return thresholds(Chosen.from_settings())
