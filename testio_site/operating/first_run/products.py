"""Step 3: which products to follow, of those TestIO shows for the token now."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict

from reports.pages import access, cells
from sync import customers
from sync.access import Request
from sync.customers import CustomerError
from sync.encryption import Undecipherable
from sync.models import Customer
from sync.testio.errors import TestIOError
from testio_site.operating.audit import trail
from testio_site.operating.first_run import state, wording
from testio_site.operating.first_run.state import Step
from testio_site.operating.syncs.asked import Offered


@access.page(state.MAY)
def page(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.PRODUCTS)
    if led:
        return led
    customer = found.existing
    error = ""
    products: list[Offered] = []
    try:
        products = _offered(customer)
    except TestIOError as refusal:
        error = f"The products could not be listed. {wording.of(refusal)}"
    except Undecipherable as refusal:
        error = f"{refusal} Go back and enter it again."
    return state.show(
        request,
        found,
        Step.PRODUCTS,
        products=products,
        error=error,
        chosen=[product for product in products if product.is_chosen],
        follows_some=bool(customer.product_ids),
    )


@access.action(state.MAY)
def save(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.PRODUCTS)
    if led:
        return led
    wanted = _ticked(request.POST)
    if request.POST.get("which") == "some" and not wanted:
        messages.error(request, "Tick the products to follow, or choose all of them.")
        return state.go(Step.PRODUCTS)
    try:
        customers.follow(found.existing, wanted if request.POST.get("which") == "some" else ())
    except TestIOError as refusal:
        messages.error(request, f"Your choice was not stored. {wording.of(refusal)}")
    except (CustomerError, Undecipherable) as refusal:
        messages.error(request, f"Your choice was not stored. {refusal}")
    else:
        state.remember_choice(request, found.existing)
        which = f"{len(found.existing.product_ids)} products" if found.existing.product_ids else "all products"
        what = f"Chose {which} of {found.existing.name} to follow."
        trail.record(request, trail.Kind.CHANGE, what, customer=found.existing)
        return state.go(Step.SYNC)
    return state.go(Step.PRODUCTS)


def _offered(customer: Customer) -> list[Offered]:
    return [
        Offered(
            product.id,
            cells.title(product.name, f"Product {product.id}", 80),
            is_chosen=product.id in customer.product_ids,
            is_missing=False,
        )
        for product in customers.offered(customer)
    ]


def _ticked(body: QueryDict) -> list[int]:
    return [int(each) for each in body.getlist("product") if each.isascii() and each.isdecimal() and len(each) < 19]
