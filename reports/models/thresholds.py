"""Which rates a customer calls a warning, and which critical."""

from collections.abc import Iterator
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q

from reports.thresholds import DIRECTIONS, Thresholds
from sync.models import Customer


def _share(help_text: str) -> "models.FloatField[float | None, float | None]":
    limits = [MinValueValidator(0), MaxValueValidator(1)]
    return models.FloatField(null=True, blank=True, validators=limits, help_text=help_text)


_HIGH = "From this share on, from 0 to 1. Leave both empty for the threshold of this site."
_LOW = "Down from this share, from 0 to 1. Leave both empty for the threshold of this site."


def _rules() -> Iterator[models.CheckConstraint]:
    """A rate has both of its thresholds or neither, and critical is at least as bad as warning."""
    for rate, above in DIRECTIONS.items():
        warning, critical = f"{rate}_warning", f"{rate}_critical"
        order = Q((f"{critical}__gte" if above else f"{critical}__lte", F(warning)))
        both = Q((f"{warning}__range", (0, 1)), (f"{critical}__range", (0, 1)))
        given = Q((f"{warning}__isnull", False), (f"{critical}__isnull", False))
        yield models.CheckConstraint(
            condition=Q((warning, None), (critical, None)) | (given & both & order),
            name=f"thresholds_of_{rate}",
            violation_error_message=(
                f"{rate.replace('_', ' ').capitalize()} needs both of its thresholds or neither, and critical must not "
                f"be {'below' if above else 'above'} warning."
            ),
        )


class CustomerThresholds(models.Model):
    """From where on a customer's rates are worth a look, as far as that differs from the site's settings.

    A change counts as one of the customer, so that answers that were kept elsewhere are asked for again.
    """

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, primary_key=True, related_name="thresholds")
    rejection_warning = _share(_HIGH)
    rejection_critical = _share(_HIGH)
    auto_acceptance_warning = _share(_HIGH)
    auto_acceptance_critical = _share(_HIGH)
    active_acceptance_warning = _share(_LOW)
    active_acceptance_critical = _share(_LOW)
    review_warning = _share(_LOW)
    review_critical = _share(_LOW)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "thresholds of customers"
        ordering = ("customer__name",)
        constraints = tuple(_rules())

    def __str__(self) -> str:
        return f"Thresholds of {self.customer}"

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self._touch()

    @transaction.atomic
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        self._touch()
        return deleted

    @property
    def own(self) -> dict[str, dict[str, float]]:
        """What the customer sets itself: ``{"rejection": {"warning": 0.3, "critical": 0.5}}``."""
        found = {rate: (getattr(self, f"{rate}_warning"), getattr(self, f"{rate}_critical")) for rate in DIRECTIONS}
        return {
            rate: {"warning": warning, "critical": critical}
            for rate, (warning, critical) in found.items()
            if warning is not None and critical is not None
        }

    @property
    def thresholds(self) -> Thresholds:
        """What holds for the customer."""
        return Thresholds.from_settings().with_changes(self.own)

    def _touch(self) -> None:
        """What was read of the customer so far is of before (see ``sync.api.conditional``)."""
        Customer.objects.filter(pk=self.customer_id).update(name=F("name"))
