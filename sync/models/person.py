"""People as TestIO names them: testers who report bugs, customer users who set up tests."""

from django.db import models
from django.db.models.functions import Now

from sync.models.customer import Customer


class Person(models.Model):
    """A name in one of two roles. TestIO sends names only, so the name is the identity."""

    class Kind(models.TextChoices):
        TESTER = "tester"
        CUSTOMER = "customer", "customer user"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="people", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    username = models.TextField()
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("username", "id")
        verbose_name_plural = "people"
        constraints = (models.UniqueConstraint(fields=["customer", "kind", "username"], name="person_once"),)

    def __str__(self) -> str:
        return self.username
