"""Step 1: what the customer is called here, and where its TestIO is."""

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from reports.pages import access
from reports.pages.filters import text
from sync import customers
from sync.access import SEE_ALL, Request
from sync.models import Customer
from testio_site.operating.audit import trail
from testio_site.operating.first_run import state
from testio_site.operating.first_run.state import Step

if TYPE_CHECKING:  # generic to mypy only
    Form = forms.ModelForm[Customer]
else:
    Form = forms.ModelForm


class CustomerForm(Form):
    """The model validates, as everywhere."""

    class Meta:
        model = Customer
        fields = ("name", "api_base_url")
        field_classes: ClassVar[dict[str, Any]] = {"api_base_url": partial(forms.URLField, assume_scheme="https")}
        labels: ClassVar[dict[str, str]] = {"name": "Name", "api_base_url": "Address of the TestIO API"}
        help_texts: ClassVar[dict[str, str]] = {
            "name": "Short, like acme: letters, digits, hyphens and underscores. Pages and commands call it so.",
            "api_base_url": "Leave it as it is, unless TestIO gave you another one.",
        }
        error_messages: ClassVar[dict[str, dict[str, str]]] = {
            "name": {
                "required": "Give the customer a name.",
                "invalid": "Use letters, digits, hyphens and underscores only, like acme-shop.",
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.update({"class": "field", "autocomplete": "off", "spellcheck": "false"})
        self.fields["name"].widget.attrs["autofocus"] = ""


@access.page(state.MAY)
def begin(request: Request) -> HttpResponse:
    """To the step that comes next; to the overview where there is nothing to set up."""
    found = state.of(request)
    if found is None or found.is_read:
        return HttpResponseRedirect(reverse("reports:overview"))
    return state.go(found.step)


@access.page(state.MAY)
def page(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.NAME)
    if led:
        return led
    form = CustomerForm(request.GET if "name" in request.GET else None, instance=found.customer)
    return state.show(request, found, Step.NAME, form=form)


@access.action(state.MAY)
def save(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.NAME)
    if led:
        return led
    form = CustomerForm(request.POST, instance=found.customer)
    if not form.is_valid():
        trail.nothing_done(request)
        given = {name: text(request.POST, name)[:500] for name in form.fields}
        return HttpResponseRedirect(f"{reverse('first-run:name')}?{urlencode(given)}")
    if form.has_changed() or found.customer is None:
        customers.draft(form.instance)
        what = f"Named the customer {form.instance.name}, at {form.instance.api_base_url}."
        trail.record(request, trail.Kind.CHANGE, what, customer=form.instance)
        if not request.access.user.has_perm(SEE_ALL):
            form.instance.members.add(request.user)
    else:
        trail.nothing_done(request)
    return state.go(Step.TOKEN)
