"""What a sync is asked to do: read from the address of the page (or the form it sends), and written back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.http import Http404, QueryDict
from django.utils.http import urlencode

from reports.pages import cells
from reports.pages.filters import one_of, text
from sync import access as visible
from sync import starting
from sync.access import Access
from sync.dates import UnreadableDate, read_day
from sync.models import Customer, SyncEvent
from sync.pasted_ids import words
from sync.pipeline import SyncImpossible, SyncOptions

#: More products than these are not offered one by one; their ids are pasted.
MOST_OFFERED = 500
#: So many ids fit into an address.
MOST_IDS = 300

#: What can be chosen, with what it means. The first one is what a sync usually does.
MODES = {
    SyncEvent.Mode.INCREMENTAL.value: ("What is new or can have changed", "The usual sync: complete, and few calls."),
    SyncEvent.Mode.INCREMENTAL_ONLY.value: ("Only new tests", "Fastest; bugs, features and results are left alone."),
    SyncEvent.Mode.FULL.value: ("Everything", "Reads all of it and finds out what disappeared. Takes longest."),
}
BUGS = {
    "due": "Those that can have changed",
    "all": "Those of all tests",
    "none": "None",
}
_ID = re.compile(r"(?:https?://\S*/)?#?(\d{1,18})/?")


@dataclass(frozen=True, slots=True)
class Offered:
    """A product that can be ticked."""

    id: int
    name: str
    is_chosen: bool
    is_missing: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """``faults``: what is wrong, by the field that says it; ``options`` is None where there are any."""

    customers: Sequence[Customer]
    customer: Customer | None
    products: Sequence[Offered] = ()
    ids: str = ""
    since: str = ""
    mode: str = SyncEvent.Mode.INCREMENTAL.value
    force: bool = False
    bugs: str = "due"
    faults: Mapping[str, str] = field(default_factory=dict)
    options: SyncOptions | None = None

    @property
    def too_many(self) -> bool:
        return len(self.products) > MOST_OFFERED

    @property
    def chosen(self) -> list[Offered]:
        return [product for product in self.products if product.is_chosen]

    @property
    def exactly(self) -> list[tuple[str, str]]:
        """The same order again, as a form sends it, with its day as a day: "yesterday" is another one tomorrow."""
        options = self.options
        if self.customer is None or options is None:
            return []  # what has faults is not ordered
        named = {
            "ids": ", ".join(map(str, sorted(options.product_ids))),
            "since": options.since.isoformat() if options.since else "",
            **_unusual(self.mode, self.bugs, force=self.force),
        }
        return [("customer", self.customer.name), *((name, value) for name, value in named.items() if value)]


def read(query: QueryDict, who: Access) -> Asked:
    """Raises ``Http404`` for a customer that is not there for them. Two statements."""
    customers = list(visible.customers(who).order_by("-is_active", "-is_default", "name"))
    customer = _customer(customers, query.get("customer", ""))
    if customer is None:
        return Asked(customers, None)
    faults: dict[str, str] = {}
    pasted = text(query, "ids")
    ids = _ids(pasted, faults) | _ticked(query)
    since = _since(text(query, "since"), faults)
    mode, bugs = one_of(query, "mode", list(MODES), next(iter(MODES))), one_of(query, "bugs", list(BUGS), "due")
    force = bool(query.get("force"))
    _refuse_unknown(customer, ids, faults)
    options = None
    try:
        options = starting.ordered(
            trigger=SyncEvent.Trigger.ADMIN, product_ids=ids, since=since, mode=mode, force=force, bugs=bugs
        )
    except SyncImpossible:
        faults["mode"] = "Only new tests, and nothing else: leave bugs as they are, and do not rewrite."
    products = _offered(customer, ids)
    left = pasted if "ids" in faults else _left(products, ids)
    shown = (left, text(query, "since"), mode, force, bugs)
    return Asked(customers, customer, products, *shown, faults, None if faults else options)


def address(body: QueryDict) -> str:
    """The part of an address that says what a form was sent with; what is usual is not said."""
    return urlencode(list(_pairs(body)))


def _pairs(body: QueryDict) -> Iterator[tuple[str, str]]:
    for name in ("customer", "ids", "since"):
        if value := text(body, name):
            yield name, " ".join(value.split())[:4000]
    yield from (("product", each) for each in body.getlist("product")[:MOST_IDS])
    yield from _unusual(body.get("mode", ""), body.get("bugs", ""), force=bool(body.get("force"))).items()


def _unusual(mode: str, bugs: str, *, force: bool) -> dict[str, str]:
    found = {"mode": mode if mode in list(MODES)[1:] else "", "bugs": bugs if bugs in list(BUGS)[1:] else ""}
    return {name: value for name, value in {**found, "force": "1" if force else ""}.items() if value}


def _customer(customers: Sequence[Customer], name: str) -> Customer | None:
    if not name:
        return customers[0] if customers else None
    for customer in customers:
        if customer.name == name:
            return customer
    raise Http404(f'There is no customer "{name}" here.')


def _ids(pasted: str, faults: dict[str, str]) -> frozenset[int]:
    """Ids as people paste them: with blanks, commas or lines between, with a "#", as JSON, as the address of a
    product."""
    found = {word: _ID.fullmatch(word) for word in words(pasted)}
    if odd := [word for word, match in found.items() if match is None]:
        faults["ids"] = f"{', '.join(odd[:5])[:100]} is no product id: ids are numbers, with blanks or commas between."
    ids = frozenset(int(match[1]) for match in found.values() if match)
    if len(ids) > MOST_IDS:
        faults["ids"] = f"These are {len(ids):,} ids. Name at most {MOST_IDS}, or none for all products."
    return ids


def _ticked(query: QueryDict) -> frozenset[int]:
    given = [each for each in query.getlist("product") if each.isascii() and each.isdecimal() and len(each) < 19]
    return frozenset(map(int, given))


def _since(phrase: str, faults: dict[str, str]) -> date | None:
    try:
        return read_day(phrase) if phrase else None
    except (UnreadableDate, OverflowError) as error:
        faults["since"] = str(error) if isinstance(error, UnreadableDate) else f'"{phrase[:40]}" is no day.'
    return None


def _refuse_unknown(customer: Customer, product_ids: frozenset[int], faults: dict[str, str]) -> None:
    if "ids" not in faults and (unknown := starting.unknown_products(customer, sorted(product_ids))):
        named = ", ".join(map(str, unknown[:10]))
        faults["ids"] = f"{customer} has no product {named}. Correct it, or leave it out."


def _offered(customer: Customer, chosen: frozenset[int]) -> list[Offered]:
    rows = customer.products.order_by("name", "pk").values_list("pk", "name", "missing_since")[: MOST_OFFERED + 1]
    return [
        Offered(pk, cells.title(name, f"Product {pk}", 80), pk in chosen, missing is not None)
        for pk, name, missing in rows
    ]


def _left(products: Sequence[Offered], ids: frozenset[int]) -> str:
    """What stays in the box for pasting: all but what is ticked in the list."""
    ticked = {product.id for product in products} if len(products) <= MOST_OFFERED else set()
    return ", ".join(map(str, sorted(ids - ticked)))
