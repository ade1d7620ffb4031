"""Who may write a product now."""

from django.db import models

from sync.models.process import OwnedByProcess
from sync.models.product import Product


class SyncLease(OwnedByProcess):
    """The right to write one product's data. See ``sync.leases`` for its rules.

    ``token`` only ever rises: a writer whose number is not the row's number any more has lost its lease. ``writes``
    rises with every transaction that writes the product's data, so whoever has seen its number knows of no change.
    """

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="lease")
    token = models.BigIntegerField(default=0)
    writes = models.BigIntegerField(default=0, db_default=0, editable=False)
    holder = models.UUIDField(null=True, blank=True, help_text="The holding run's event id; empty means free.")
    acquired_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = (("release_leases", "Can release the leases of dead holders"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(holder=None, acquired_at=None)
                | models.Q(holder__isnull=False, acquired_at__isnull=False),
                name="lease_holder_and_time_together",
            ),
        )

    def __str__(self) -> str:
        return f"Lease of product {self.pk}"
