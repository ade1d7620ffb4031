"""Answers to reading calls: asked for once, as of one moment, and not sent again while nothing changed.

``reads`` wraps an operation: it asks for the permission, opens one snapshot, answers 304 from the data's own version
before anything expensive is read, else sends what the operation found, and asks for a refresh of what is stale.

The version is one statement over the products the caller may see. It changes with

* every transaction that wrote under a lease (``SyncLease.writes``, see ``Lease.prove``): tests, bugs, features, people;
* every change of a row of a product or customer, also by those who need no lease (what is new, when it is due next);
* the parts of products that are stale, which time alone makes more, and the day, which relative dates count from;
* what the caller may look at, the version of the program, and its settings.

All products the caller may see are part of it, not only those of the answer: a test that is stored for one product
may link bugs of another.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import orjson
from django.conf import settings
from django.db.models import BigIntegerField, Count, Func, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from pydantic import BaseModel

from sync import access, freshness
from sync.access import Access, Request, require
from sync.snapshot import snapshot

_JSON = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


@dataclass(frozen=True, slots=True)
class Answer:
    """A document ready to be sent, and the products whose data it shows although it is older than allowed."""

    document: dict[str, Any]
    stale: tuple[int, ...] = field(default=())


Operation = Callable[..., Answer]
View = Callable[..., HttpResponse]


def reads(permission: str, *, versioned: bool = True) -> Callable[[Operation], View]:
    """Make a view of an operation that only reads, for callers with ``permission``.

    ``versioned=False``: the answer shows more than the version covers (runs, jobs, events), so it is always read, and
    only not sent again when it is the same.
    """

    def decorate(operation: Operation) -> View:
        @wraps(operation)
        def view(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            require(request, permission)
            with snapshot():
                tag = _tag(_asked(request), version(request.access)) if versioned else ""
                if tag and _knows(request, tag):
                    return _unchanged(tag)
                answer = operation(request, *args, **kwargs)
            freshness.request_refresh(*answer.stale)
            return _sent(request, answer, tag)

        return view

    return decorate


def documented(model: type[BaseModel], *refusals: int) -> dict[int, Any]:
    """What the documentation says of an operation that ``reads``: its document, 304, and its own refusals."""
    return {200: model, 304: None} | dict.fromkeys(refusals)


def version(caller: Access) -> str:
    """Changes whenever anything changes that the API shows of the data this caller may see."""
    now = timezone.now()
    products = access.products(caller)
    found = products.aggregate(
        products=Count("pk"),
        writes=Coalesce(Sum("lease__writes"), 0, output_field=BigIntegerField()),
        product_rows=Sum(LastWrite("name")),
        customer_rows=Sum(LastWrite("customer__name")),
        **{f"stale_{part}": Count("pk", filter=freshness.when_stale((part,), now)) for part in freshness.PARTS},
    )
    visible = None if caller.customers is None else sorted(caller.customers)
    return repr((now.date(), visible, _rights(caller), _configuration(), sorted(found.items())))


def _rights(caller: Access) -> object:
    """Some answers leave out what the caller may not look at."""
    if caller.user.is_superuser:
        return "all" if caller.permissions is None else sorted(caller.permissions)
    mine = caller.user.get_all_permissions()
    return sorted(mine if caller.permissions is None else mine & caller.permissions)


def _configuration() -> object:
    """The program and its settings: thresholds, weights and times to live are part of what is shown."""
    names = (name for name in dir(settings) if name.startswith(("DESK_", "TESTIO_")))
    return settings.VERSION, [(name, repr(getattr(settings, name))) for name in names]


class LastWrite(Func):
    """The number of the transaction that last wrote the row this column is of: it rises with every change."""

    output_field = BigIntegerField()

    def as_sql(self, compiler: Any, *_: Any, **__: Any) -> tuple[str, tuple[()]]:
        column: Any
        (column,) = self.source_expressions
        return f"{compiler.quote_name_unless_alias(column.alias)}.xmin::text::bigint", ()


def _asked(request: HttpRequest) -> str:
    return request.get_full_path()


def _tag(*parts: str) -> str:
    """Weak: equal tags promise the same content."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
    return f'W/"{digest}"'


def _knows(request: HttpRequest, tag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return tag in known or tag.removeprefix("W/") in known  # "*" would be true of what is not there, too


def _unchanged(tag: str) -> HttpResponse:
    return _guarded(HttpResponse(status=304), tag)


def _sent(request: HttpRequest, answer: Answer, tag: str) -> HttpResponse:
    content = orjson.dumps(answer.document, option=_JSON)
    tag = tag or _tag(_asked(request), content.decode())
    if _knows(request, tag):
        return _unchanged(tag)
    return _guarded(HttpResponse(content, content_type="application/json; charset=utf-8"), tag)


def _guarded(response: HttpResponse, tag: str) -> HttpResponse:
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"  # may be kept by the caller alone, and is asked about each time
    patch_vary_headers(response, ("Cookie", "Authorization"))
    return response
