"""Writing an entry: from a doorway that knows its request, or from somewhere below one."""

from contextvars import ContextVar
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.utils import timezone

from sync.access import Access
from sync.models import Customer
from testio_site.entrance.guard import client_address
from testio_site.models import AuditEntry

Kind = AuditEntry.Kind

#: The request that is being answered here, where there is one that may change something.
serving: ContextVar[HttpRequest | None] = ContextVar("serving", default=None)

BROWSER, COMMAND = "browser", "command line"
#: What somebody keeps trying is only worth so many entries in so long: nobody shall fill the table from outside.
MOST_ALIKE = 20
_WINDOW = timedelta(minutes=15)
#: How much of an API token's secret everybody may see.
_TOKEN_SHOWN = 9


def record(
    request: HttpRequest | None,
    kind: Kind,
    what: str,
    *,
    by: User | None = None,
    name: str = "",
    customer: Customer | None = None,
) -> None:
    """Somebody did ``what`` (a sentence). ``by``: whoever asks, unless it is said; ``None`` for ``request``: nobody
    asked over a network."""
    by = by or (person(request) if request else None)
    AuditEntry.objects.create(
        kind=kind,
        by=by,
        name=name or (by.get_username() if by else ""),
        what=what,
        customer=customer,
        customer_name=customer.name if customer else "",
        address=client_address(request) if request else None,
        through=through(request),
    )
    if request:
        vars(request)["desk_recorded"] = True


def record_refusal(request: HttpRequest, what: str) -> None:
    """Somebody tried what they may not do."""
    user = person(request)
    if user is not None and not is_flooded(kind=Kind.REFUSED, by=user):
        record(request, Kind.REFUSED, what)


def is_flooded(**of: object) -> bool:
    """Whether there are so many entries like that lately that more would only fill the table."""
    lately = AuditEntry.objects.filter(at__gt=timezone.now() - _WINDOW, **of)
    return lately[:MOST_ALIKE].count() >= MOST_ALIKE


def record_here(kind: Kind, what: str, *, by: User | None = None, customer: Customer | None = None) -> None:
    """For code that knows no request; there may be one that it works for."""
    record(serving.get(), kind, what, by=by, customer=customer)


def record_command(kind: Kind, what: str) -> None:
    """What somebody did on the command line; nothing where there is a request, whose doorway writes it down."""
    if serving.get() is None:
        record(None, kind, what)


def nothing_done(request: HttpRequest) -> None:
    """There is nothing to record, though the answer looks as if something was done."""
    vars(request)["desk_recorded"] = True


def is_recorded(request: HttpRequest) -> bool:
    """Whether something was recorded for this request."""
    return bool(vars(request).get("desk_recorded"))


def person(request: HttpRequest) -> User | None:
    """Who asks, by a session or an API token; None when nobody is logged in."""
    user: User | AnonymousUser | None = getattr(request, "user", None)
    return user if isinstance(user, User) and user.is_authenticated else None


def through(request: HttpRequest | None) -> str:
    if request is None:
        return COMMAND
    if not _is_of_token(request):
        return BROWSER
    secret = request.headers.get("Authorization", "").partition(" ")[2].strip()
    return f"API token {secret[:_TOKEN_SHOWN]}…"


def _is_of_token(request: HttpRequest) -> bool:
    """Whether an API token was accepted: it alone leaves its owner less than their own rights. Anybody can send a
    header that looks like one."""
    found: Access | None = getattr(request, "access", None)
    return found is not None and found.permissions is not None
