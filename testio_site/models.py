"""Who may call the API without a session, and how often anybody may call it."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Length, Now

from sync.models import Customer
from testio_site.roles import Scope

models.BinaryField.register_lookup(Length)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> Self:
        """Neither revoked nor expired, by the database's clock, and with an owner who may log in."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at=None, owner__is_active=True)


class ApiToken(models.Model):
    """A secret that programs log in with, in its owner's name. The secret is shown once; only its hash is kept.

    A token may do what its scopes and its owner may, for the customers that it and its owner have. See
    ``testio_site.tokens`` for its life.
    """

    name = models.CharField(max_length=100, help_text="What it is for, such as the program that will use it.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        help_text="It acts in this user's name, and never has more rights than they have.",
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    beginning = models.CharField(max_length=12, editable=False, help_text="How the secret begins, to tell them apart.")
    scopes = ArrayField(models.CharField(max_length=8, choices=Scope), help_text="What it may do.")
    all_customers = models.BooleanField(
        default=False, help_text="All customers its owner sees, also those that will be added later."
    )
    customers = models.ManyToManyField(
        Customer, related_name="+", blank=True, help_text="The only customers whose data it sees."
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When it ends by itself; empty means never.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="To the minute: it is not written for every call."
    )

    #: In the clear, in the process that has just made it and nowhere else.
    secret: str | None = None

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"
        ordering = ("-created_at", "-id")
        permissions = (("manage_tokens", "Can see and revoke the API tokens of others"),)
        constraints = (
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(revoked_at=None),
                name="apitoken_name_once_per_owner",
                violation_error_message="This user has a token of that name. Revoke it first, or choose another name.",
            ),
            models.CheckConstraint(condition=models.Q(digest__length=32), name="apitoken_digest_is_sha256"),
            models.CheckConstraint(
                condition=models.Q(scopes__len__gt=0, scopes__contained_by=Scope.values), name="apitoken_scopes_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"


class CallAllowance(models.Model):
    """How far somebody's calls have used up what they may call: see ``testio_site.throttle``.

    ``free_at``: when nothing of it is left. The table is unlogged: a crash empties it, and nobody waits for a disk.
    """

    caller = models.TextField(primary_key=True)
    free_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.caller
