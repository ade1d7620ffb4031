"""A company whose TestIO data we keep."""

from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from sync import encryption
from sync.models.claim import unclaimed
from sync.testio import address

PRODUCTION_API = "https://api.test.io/customer/v2"


def refuse_unsafe_address(url: str) -> None:
    """A validator: whatever address is stored here gets the customer's token."""
    if not address.is_safe(url):
        raise ValidationError(f"It {address.RULE}.")
    if settings.TESTIO_ALLOW_PRIVATE_ADDRESSES:
        return
    parts = urlsplit(url)
    with suppress(OSError):  # a name that cannot be looked up now is judged when it is called
        try:
            address.public_addresses(parts.hostname or "", parts.port)
        except address.NotPublic:
            raise ValidationError(f"It {address.PUBLIC_RULE}.") from None


#: Switched off, paused, or without a token: nothing is refreshed in the background.
_LEFT_ALONE = models.Q(is_active=False) | models.Q(paused_at__isnull=False) | models.Q(encrypted_token=b"")


class CustomerQuerySet(models.QuerySet["Customer"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def refreshed(self) -> Self:
        """Those whose data is kept fresh in the background: active, not paused, with a token."""
        return self.exclude(_LEFT_ALONE)

    def left_alone(self) -> Self:
        """All others."""
        return self.filter(_LEFT_ALONE)

    def due(self) -> Self:
        """Those of them whose list of products is to be read now, by the database's clock, and claimed by nobody."""
        return self.refreshed().filter(unclaimed("products_claimed_at"), products_due_at__lte=Now())


class Customer(models.Model):
    """One TestIO account: where its API is, the token to read it with, and what of it to keep."""

    name = models.SlugField(max_length=63, unique=True)
    api_base_url = models.URLField(
        "API base URL", max_length=500, default=PRODUCTION_API, validators=[refuse_unsafe_address]
    )
    encrypted_token = models.BinaryField(default=b"", editable=False)
    product_ids = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="The only products to keep; empty means all."
    )
    sync_since = models.DateField(
        null=True, blank=True, help_text="Leave out tests that ended before this day (UTC); empty means none."
    )
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, help_text="The customer commands mean when none is named.")
    api_paused_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="TestIO asked us to wait until then (HTTP 429)."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="customers",
        blank=True,
        help_text="The users who see its data, beside those who may see all customers.",
    )

    # Background refresh (see sync.schedule).
    refresh_interval = models.PositiveIntegerField(
        "refresh interval",
        null=True,
        blank=True,
        validators=[MinValueValidator(10)],
        help_text="Seconds between two background refreshes of a product; empty means TESTIO_REFRESH_INTERVAL_SECONDS.",
    )
    paused_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when nothing is refreshed in the background."
    )
    paused_reason = models.TextField(blank=True, default="", editable=False)
    products_due_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When the list of products is read again, to find new ones."
    )
    products_claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    products_failures = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="customer_only_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(is_active=True), name="customer_default_is_active"
            ),
            models.CheckConstraint(
                condition=models.Q(paused_at=None, paused_reason="")
                | (models.Q(paused_at__isnull=False) & ~models.Q(paused_reason="")),
                name="customer_paused_with_reason",
            ),
        )
        indexes = (
            models.Index(fields=["products_due_at"], name="customer_products_due"),
            models.Index(fields=["id"], name="customer_left_alone", condition=_LEFT_ALONE),
        )
        permissions = (("see_all_customers", "Can see the data of all customers"),)

    def __str__(self) -> str:
        return self.name

    @property
    def has_token(self) -> bool:
        return bool(self.encrypted_token)

    def read_token(self) -> str:
        """The API token in the clear. Raises ``encryption.Undecipherable`` when the key that sealed it is gone."""
        return encryption.unseal(bytes(self.encrypted_token))

    def set_token(self, token: str) -> None:
        """Seal ``token`` into this row, and end a pause that the one before had caused; the caller saves."""
        self.encrypted_token = encryption.seal(token)
        self.paused_at, self.paused_reason = None, ""

    def follows(self, product_id: int) -> bool:
        """Whether this customer's filter lets the product in."""
        return not self.product_ids or product_id in self.product_ids
