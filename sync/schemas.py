"""What goes into the API of this room and what comes out. Names once published stay."""

from datetime import datetime
from typing import Annotated, Self

from ninja import Field, P, PathEx, Schema
from pydantic import BaseModel

from sync import freshness
from sync.models import Product
from sync.testio.payloads.reading import BIGINT_MAX

Id = Annotated[int, Field(gt=0, le=BIGINT_MAX)]
ProductId = PathEx[int, P(gt=0, le=BIGINT_MAX, description="TestIO's number of the product.", example=12)]
CustomerName = Annotated[str, Field(max_length=63, pattern=r"^[-a-zA-Z0-9_]+$", examples=["acme"])]

MOST_PRODUCTS = 200


class ProductQuery(Schema):
    product_id: list[Id] = Field([], description="Only these products; may be repeated.")
    customer: CustomerName | None = Field(None, description="Only this customer, by name.")
    stale: bool | None = Field(None, description="Only products whose data is, or is not, older than allowed.")
    limit: int = Field(50, ge=1, le=MOST_PRODUCTS, description="How many products to answer with at most.")
    cursor: Id | None = Field(None, description="`next_cursor` of the page before.")


class ProductSummary(BaseModel):
    id: int = Field(examples=[12])
    name: str
    customer: str = Field(examples=["acme"])
    product_type: str
    missing_since: datetime | None = Field(description="When TestIO was first found to have it no more.")
    data_as_of: datetime | None = Field(description="Nothing shown is older than this; null before the first sync.")
    stale: bool = Field(description="Older than allowed. Reading it has asked for a refresh in the background.")
    features_synced_at: datetime | None
    tests_synced_at: datetime | None
    bugs_synced_at: datetime | None
    next_sync_at: datetime = Field(description="When it is refreshed in the background, unless its customer is paused.")

    @classmethod
    def of(cls, product: Product) -> Self:
        state = freshness.of(product)
        return cls(
            id=product.pk,
            name=product.name,
            customer=product.customer.name,
            product_type=product.product_type,
            missing_since=product.missing_since,
            data_as_of=state.data_as_of,
            stale=state.stale,
            features_synced_at=product.features_synced_at,
            tests_synced_at=product.tests_synced_at,
            bugs_synced_at=product.bugs_synced_at,
            next_sync_at=product.next_sync_at,
        )


class ProductPage(BaseModel):
    products: list[ProductSummary]
    next_cursor: int | None = Field(description="Give it as `cursor` for the next page; null on the last one.")
