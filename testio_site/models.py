"""Who may call the API without a session, how often anybody may call it, and who did what."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Length, Lower, Now

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


class AuditEntry(models.Model):
    """Something somebody did: see ``testio_site.operating.audit`` for how it comes here.

    Names are kept beside the rows they are of, which may be gone. Nothing changes an entry, and nothing but its age
    (``DESK_AUDIT_DAYS``) removes one.
    """

    class Kind(models.TextChoices):
        TRIAGE = "triage"
        SYNC = "sync"
        CHANGE = "change"
        TOKEN = "token", "API token"  # a word, no secret
        REPORT = "report"
        EXPORT = "export", "Download"
        LOGIN = "login"
        FAILED = "failed_login", "Failed login"
        LOGOUT = "logout"
        ACCOUNT = "account", "Own account"
        REFUSED = "refused"
        OTHER = "other", "Other request"

    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=12, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=150, blank=True, help_text="The user's name then; empty for the command line.")
    what = models.TextField()
    customer = models.ForeignKey(Customer, on_delete=models.SET_NULL, null=True, related_name="+")
    customer_name = models.CharField(max_length=63, blank=True)
    address = models.GenericIPAddressField(null=True, help_text="Where the request came from.")
    through = models.CharField(max_length=40, blank=True, help_text="The browser, an API token, or the command line.")
    source = models.CharField(  # noqa: DJ001  # null: made from no row, of which there may be many
        max_length=60, null=True, unique=True, help_text="The row it was made from, so that none is told twice."
    )

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ("-at", "-id")
        default_permissions = ()
        permissions = (("view_audit", "Can read the audit trail"),)
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["customer", "-at", "-id"], name="audit_by_customer"),
            models.Index(fields=["name", "-at", "-id"], name="audit_by_person"),
            models.Index(fields=["kind", "-at", "-id"], name="audit_by_kind"),
        )

    def __str__(self) -> str:
        return f"{self.name or 'the command line'}: {self.what}"


class SavedFilter(models.Model):
    """A list of the admin, filtered, under a name: a link above the list, of one's own or for everybody.

    ``place`` is the list (``sync.bug``), ``query`` what stands behind the question mark of its address and nothing
    else: only what ``testio_site.saved_filters`` lets through is stored.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=60)
    place = models.CharField(max_length=100, editable=False)
    query = models.TextField(editable=False)
    is_shared = models.BooleanField(
        "for everybody",
        default=False,
        help_text="Everybody who sees the list, and what it is filtered by, gets it.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("place", "name", "id")
        constraints = (
            models.UniqueConstraint(
                Lower("name"),
                "owner",
                "place",
                name="savedfilter_name_once_per_list",
                violation_error_message="You have a filter of that name for this list. Choose another name.",
            ),
            models.CheckConstraint(condition=~models.Q(name="") & ~models.Q(query=""), name="savedfilter_not_empty"),
        )

    def __str__(self) -> str:
        return self.name
