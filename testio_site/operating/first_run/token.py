"""Step 2: the token, which is tried before it is stored. It comes in by a form, and leaves to TestIO alone."""

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from reports.pages import access
from sync import customers
from sync.access import Request
from sync.testio.errors import TestIOError
from testio_site.operating.audit import trail
from testio_site.operating.first_run import state, wording
from testio_site.operating.first_run.state import Step


@access.page(state.MAY)
def page(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.TOKEN)
    return led or state.show(request, found, Step.TOKEN)


@sensitive_post_parameters("token")
@access.action(state.MAY)
@sensitive_variables("given")
def save(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.TOKEN)
    if led:
        return led
    customer = found.existing
    given = request.POST.get("token", "").strip()
    if not given and customer.has_token:
        trail.nothing_done(request)
        return state.go(Step.PRODUCTS)
    if not given:
        messages.error(request, "Paste the token first: nothing can be read without it.")
        return state.go(Step.TOKEN)
    try:
        customers.set_token(customer, given, quick=True)
    except TestIOError as error:
        messages.error(request, f"The token was not stored. {wording.of(error)}")
        return state.go(Step.TOKEN)
    trail.record(request, trail.Kind.CHANGE, f"Stored an API token of {customer.name}.", customer=customer)
    messages.success(request, "TestIO accepts the token. It is stored encrypted and never shown again.")
    return state.go(Step.PRODUCTS)
