"""The life of an API token: created and shown once, verified with every call, revoked.

A secret is ``desk_`` and 32 random bytes. Nobody guesses one, so its SHA-256 is all that is kept of it: no slow hash
would add anything, and looking it up tells nobody how near they came. The prefix lets scanners of source code find a
secret that ended up there.
"""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from sync.access import Access, of_user
from sync.models import Customer
from testio_site import roles
from testio_site.models import ApiToken
from testio_site.operating.audit import trail
from testio_site.operating.audit.trail import Kind
from testio_site.roles import Scope

PREFIX = "desk_"
SHOWN = len(PREFIX) + 4
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")

#: Unless said otherwise a token ends by itself after so many days.
DAYS = 90
MOST_DAYS = 3650

#: ``last_used_at`` is written when it is older than this.
_USED_GRAIN = timedelta(minutes=1)


class TokenError(Exception):
    """Why a token cannot be created or found, and what to do."""


class TokenRefused(Exception):
    """A token that opens nothing. The sentence says why to whoever presented the secret, and what to do."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What is asked for. ``customers`` as ids, ``None``: all its owner sees, now and later; ``expires_at`` ``None``:
    never."""

    name: str
    owner: User
    expires_at: datetime | None
    scopes: Collection[Scope] = (Scope.READ,)
    customers: Collection[int] | None = None


def create(new: NewToken) -> ApiToken:
    """The token, with its ``secret``, which cannot be had again. Raises ``TokenError``."""
    token = ApiToken(
        name=new.name.strip(),
        owner=new.owner,
        scopes=[scope.value for scope in Scope if scope in new.scopes],
        all_customers=new.customers is None,
        expires_at=new.expires_at,
    )
    check(token, new.customers)
    seal(token)
    try:
        token.full_clean()
        with transaction.atomic():
            token.save()
            token.customers.set(new.customers or ())
    except ValidationError as error:
        raise TokenError(" ".join(error.messages)) from None
    except IntegrityError:  # somebody was quicker
        raise TokenError(_taken(token)) from None
    trail.record_command(Kind.TOKEN, f"Created API token {token} for {token.owner}.")
    return token


def seal(token: ApiToken) -> None:
    """Give a new token its secret; the caller saves it."""
    token.secret = PREFIX + urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    token.digest, token.beginning = _digest(token.secret), token.secret[:SHOWN]


def check(token: ApiToken, customers: Collection[int] | None) -> None:
    """Raises ``TokenError`` for a new token that would be of no use. ``customers`` as for ``NewToken``."""
    if not token.owner.is_active:
        raise TokenError(f"The account {token.owner} is switched off, so a token of it would open nothing.")
    if not token.scopes:
        raise TokenError("A token needs at least one scope: read, triage or operate.")
    if token.expires_at is not None and token.expires_at <= timezone.now():
        raise TokenError("It would have expired already. Choose a time that is still to come.")
    if ApiToken.objects.filter(owner=token.owner, name=token.name, revoked_at=None).exists():
        raise TokenError(_taken(token))
    if customers is not None:
        _check_customers(token.owner, customers)


def _check_customers(owner: User, customers: Collection[int]) -> None:
    if not customers:
        raise TokenError("Choose at least one customer, or all of the owner's.")
    reach = of_user(owner)
    unseen = Customer.objects.filter(pk__in=[pk for pk in customers if not reach.sees(pk)])
    if names := ", ".join(map(str, unseen)):
        raise TokenError(f"{owner} does not see {names}, so a token of theirs cannot. Make them a member first.")


def _taken(token: ApiToken) -> str:
    return f'{token.owner} has a token "{token.name}" already. Revoke it first, or choose another name.'


def verify(secret: str) -> tuple[ApiToken, Access]:
    """Whose token it is and what it may do and see now, with one query (and those of the owner's permissions).

    Raises ``TokenRefused``. What is wrong with a token is told only to those who have the whole of its secret.
    """
    found = _find(secret)
    if found is None:
        raise TokenRefused("This API token is not known here. Check that it was copied whole, or create a new one.")
    token, own_customers, owners_customers = found
    now = timezone.now()
    if token.revoked_at is not None:
        raise TokenRefused(f'The API token "{token.name}" was revoked on {_day(token.revoked_at)}. Create a new one.')
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenRefused(f'The API token "{token.name}" expired on {_day(token.expires_at)}. Create a new one.')
    if not token.owner.is_active:
        raise TokenRefused(f'The owner of the API token "{token.name}" is switched off. Create one for another user.')
    if token.last_used_at is None or token.last_used_at < now - _USED_GRAIN:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=Now())
    owner = of_user(token.owner, member_of=owners_customers)
    return token, owner.limited_to(roles.of_scopes(token.scopes), None if token.all_customers else own_customers)


def revoke(token: ApiToken) -> bool:
    """End a token at once and for good. False when it was revoked before."""
    revoked = bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()))
    if revoked:
        trail.record_command(Kind.TOKEN, f"Revoked API token {token} of {token.owner}.")
    return revoked


def expiry(days: int) -> datetime:
    """So many days from now."""
    return timezone.now() + timedelta(days=days)


def _find(secret: str) -> tuple[ApiToken, list[int], list[int]] | None:
    """The token with its owner, the ids of its own customers, and of those its owner is a member of."""
    if not _SECRET.fullmatch(secret):
        return None
    own = ApiToken.customers.through.objects.filter(apitoken=OuterRef("pk")).values("customer_id")
    members = Customer.members.through.objects.filter(user=OuterRef("owner_id")).values("customer_id")
    rows = ApiToken.objects.select_related("owner").annotate(
        own_customers=ArraySubquery(own), owners_customers=ArraySubquery(members)
    )
    token = rows.filter(digest=_digest(secret)).first()
    return None if token is None else (token, vars(token)["own_customers"], vars(token)["owners_customers"])


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M} UTC"
