"""Customers as operators handle them: found by name, added with a checked token, removed, made the default."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from sync import leases, schedule, store
from sync.limiter import LocalLimiter
from sync.models import Customer
from sync.pipeline import SyncBusy
from sync.testio.asking import DEFAULT_PATIENCE, Patience
from sync.testio.client import TestIOClient
from sync.testio.payloads import ProductRecord, Unstorable, parse_product

#: So many product ids are named in a sentence.
_SHOWN = 20
#: For somebody who waits at a page: asked twice at most, each time for so many seconds, and no 429 is waited out.
_PAGE_PATIENCE = Patience(attempts=2, timeouts=1, refused_for=0.0)
_PAGE_TIMEOUT = 8.0


class CustomerError(Exception):
    """Why a customer cannot be found, added or changed, and what to do."""


class InvalidCustomer(CustomerError):
    """What was given for a new customer can be used by none."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    name: str
    token: str
    api_base_url: str
    product_ids: Collection[int] = ()
    sync_since: date | None = None
    default: bool = False


def find(name: str | None, among: "QuerySet[Customer] | None" = None) -> Customer:
    """The customer of that name, or the default one; the only active one is the default when none is marked.

    ``among``: the customers that somebody may see, where not all (see ``sync.access``): it is as if there were no
    others.
    """
    rows = Customer.objects.all() if among is None else among
    if name is not None:
        found = rows.filter(name=name).first()
        if found is None:
            raise CustomerError(f'There is no customer "{name}". {_known(among)}')
        return found
    active = list(rows.filter(is_active=True).order_by("-is_default", "name")[:2])
    if not active and among is not None:
        raise CustomerError(f"No customer that you may see is active. {_known(among)}")
    if not active:
        raise CustomerError(
            "No customer is configured. Add one with `manage.py customer add --name NAME`, "
            "or set TESTIO_CUSTOMER_API_TOKEN in the environment."
        )
    if len(active) > 1 and not active[0].is_default:
        raise CustomerError(f"Several customers are configured and none is the default: name one. {_known(among)}")
    return active[0]


def add(new: NewCustomer, *, check: bool = True) -> Customer:
    """Create a customer, after one call that proves the token and its products (unless ``check`` is off).

    The first customer becomes the default. Raises ``InvalidCustomer``, ``CustomerError`` when the name is taken, or
    the ``TestIOError`` of the check.
    """
    if impossible := sorted(pk for pk in new.product_ids if pk < 1):
        raise InvalidCustomer(f"product_ids: {_listed(impossible)} can be no product: ids are whole numbers from 1 on.")
    customer = Customer(
        name=new.name, api_base_url=new.api_base_url, product_ids=sorted(new.product_ids), sync_since=new.sync_since
    )
    customer.set_token(new.token)
    try:
        customer.full_clean()
    except ValidationError as error:
        raise _refusal(new.name, error) from None
    if check:
        _refuse_unknown(new.product_ids, _ids(_read_products(new.api_base_url, new.token)))
    with transaction.atomic():
        customer.save()
        if new.default or not Customer.objects.filter(is_default=True).exists():
            set_default(customer)
    return customer


def set_token(customer: Customer, token: str, *, check: bool = True, quick: bool = False) -> None:
    """Change a customer's token, after one call that proves it (unless ``check`` is off).

    ``quick``: somebody waits for it at a page. Ends a pause, and makes all its products due at once. Raises the
    ``TestIOError`` of the check.
    """
    if check:
        _read_products(customer.api_base_url, token, quick=quick)
    customer.set_token(token)
    with transaction.atomic():
        customer.save(update_fields=["encrypted_token"])
        schedule.resume(customer.pk)


def draft(customer: Customer) -> None:
    """Save a customer whose setting up has just begun, or its new name and address: it is switched off until
    ``switch_on``. ``customer`` is validated. A token that was meant for another address is forgotten."""
    stored = Customer.objects.filter(pk=customer.pk).values_list("api_base_url", flat=True).first()
    if stored is not None and stored != customer.api_base_url:
        customer.encrypted_token = b""
    customer.is_active = customer.is_default = False
    if stored is None:
        customer.save()
    else:
        customer.save(update_fields=["name", "api_base_url", "encrypted_token", "is_active", "is_default"])


def offered(customer: Customer) -> list[ProductRecord]:
    """The products its token may read, by name, asked for now and quickly. Raises ``TestIOError``, and
    ``encryption.Undecipherable``."""
    found = _read_products(customer.api_base_url, customer.read_token(), quick=True)
    return sorted(found, key=lambda product: (product.name.lower(), product.id))


def follow(customer: Customer, product_ids: Collection[int]) -> None:
    """Choose what is kept of a customer; nothing named means all its products.

    Products are looked for in TestIO first. Raises ``InvalidCustomer``, and the ``TestIOError`` of the look.
    """
    if product_ids:
        _refuse_unknown(product_ids, _ids(offered(customer)))
    customer.product_ids = sorted(set(product_ids))
    customer.save(update_fields=["product_ids"])


def switch_on(customer: Customer) -> None:
    """End its setting up: from now on it is refreshed in the background too. The first one becomes the default."""
    customer.is_active = True
    with transaction.atomic():
        customer.save(update_fields=["is_active"])
        schedule.resume(customer.pk)
        if not Customer.objects.filter(is_default=True).exists():
            set_default(customer)


def set_default(customer: Customer) -> None:
    if not customer.is_active:
        raise CustomerError(f"Customer {customer} is switched off, so it cannot be the default.")
    with transaction.atomic():
        Customer.objects.filter(is_default=True).exclude(pk=customer.pk).update(is_default=False)
        Customer.objects.filter(pk=customer.pk).update(is_default=True)
    customer.is_default = True


def remove(customer: Customer) -> None:
    """Delete a customer and everything kept for it. Raises ``SyncBusy`` while any of its products is written.

    Its products are leased first, so a sync that is about to begin finds them taken, and then gone.
    """
    product_ids = list(customer.products.values_list("pk", flat=True))
    held, busy = leases.acquire(product_ids, uuid4())
    try:
        if busy:
            raise SyncBusy(busy)
        with transaction.atomic():
            for lease in held:
                lease.prove()
                store.empty_product(lease.product_id)
            customer.delete()
    finally:
        for lease in held:
            lease.release()


def ensure_from_environment() -> None:
    """With a token in the environment and no customer yet, create that customer; safe to call every time."""
    token = settings.TESTIO_CUSTOMER_API_TOKEN
    if not token or Customer.objects.exists():
        return
    new = NewCustomer(
        settings.TESTIO_CUSTOMER_NAME,
        token.get_secret_value(),
        settings.TESTIO_CUSTOMER_API_BASE_URL,
        settings.TESTIO_PRODUCT_IDS,
        settings.TESTIO_SYNC_SINCE,
        default=True,
    )
    try:
        add(new, check=False)
    except (CustomerError, IntegrityError):
        if not Customer.objects.filter(name=new.name).exists():
            raise
        # Two first commands at once: the other one was quicker.


def _read_products(api_base_url: str, token: str, *, quick: bool = False) -> list[ProductRecord]:
    """One call that any good token can make, outside of any transaction; the products it may read."""
    with TestIOClient(
        api_base_url,
        token,
        limiter=LocalLimiter(1),
        timeout=min(_PAGE_TIMEOUT, settings.TESTIO_HTTP_TIMEOUT) if quick else settings.TESTIO_HTTP_TIMEOUT,
        patience=_PAGE_PATIENCE if quick else DEFAULT_PATIENCE,
        private=settings.TESTIO_ALLOW_PRIVATE_ADDRESSES,
    ) as client:
        return list(_readable(client.products()))


def _readable(payloads: Iterable[object]) -> Iterator[ProductRecord]:
    """One that cannot be read is left to the first sync, which names it."""
    for payload in payloads:
        with suppress(Unstorable):
            yield parse_product(payload)


def _ids(products: Iterable[ProductRecord]) -> list[int]:
    return sorted(product.id for product in products)


def _refuse_unknown(wanted: Collection[int], known: list[int]) -> None:
    if unknown := sorted(set(wanted) - set(known)):
        has = f"It has {_listed(known)}" if known else "It has none"
        raise InvalidCustomer(
            f"product_ids: TestIO has no {_listed(unknown)} for this token. {has}. "
            "Correct the ids, or say --no-check to add the customer all the same."
        )


def _listed(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:_SHOWN]))
    return f"{shown} and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else shown


def _known(among: "QuerySet[Customer] | None" = None) -> str:
    names = ", ".join((Customer.objects.all() if among is None else among).values_list("name", flat=True))
    if names:
        return f"Known: {names}."
    if among is not None:
        return "You may see no customer: ask an administrator to make you a member of one."
    return "None is configured yet: `manage.py customer add` adds one."


def _refusal(name: str, error: ValidationError) -> CustomerError:
    codes = {each.code for errors in error.error_dict.values() for each in errors}
    sentences = " ".join(f"{field}: {' '.join(said)}" for field, said in error.message_dict.items())
    if codes == {"unique"}:
        return CustomerError(f"{sentences} `manage.py customer set-token {name}` changes its token.")
    return InvalidCustomer(sentences)
