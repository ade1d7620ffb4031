"""Customers. No token is in any of these."""

from datetime import date, datetime

from ninja import Field

from sync.schemas.common import Document, Listed


class CustomerRow(Document):
    id: int = Field(examples=[1])
    name: str = Field(examples=["acme"])
    api_base_url: str = Field(examples=["https://api.test.io/customer/v2"])
    has_token: bool = Field(description="Whether a token is stored; it is never shown.")
    is_active: bool
    is_default: bool = Field(description="Whether commands mean this one when none is named.")
    product_ids: list[int] = Field(description="The only products that are kept; empty means all.")
    sync_since: date | None = Field(description="Tests that ended before are left out.")
    refresh_interval: int | None = Field(description="Seconds; null means the site's own.")
    paused_at: datetime | None = Field(description="Since when nothing is refreshed in the background.")
    paused_reason: str
    created_at: datetime
    products: int = Field(description="How many of its products TestIO has.")


class CustomerPage(Listed):
    customers: list[CustomerRow]
