"""The admin's lists over a large customer's data, over HTTP: each list, and the large ones filtered and searched."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

from bench.answers import Caller, p95, served, session_of
from bench.filling import fill
from bench.verdicts import Verdict
from sync.models import Bug, Customer, Feature, Person, Product, Test
from sync.sandbox import World

Json = dict[str, Any]

BOUND_MS = 300


def measure(*, tests: int, products: int, bugs_per_test: float, repeat: int) -> Json:
    """p95 of the slowest list; ``details`` has all."""
    call_command("migrate", verbosity=0)
    fill(
        Customer.objects.create(name="bench", is_default=True),
        World(tests=tests, products=products, bugs_per_test=bugs_per_test),
    )
    with served() as port:
        person = Caller(port, session_of(User.objects.create_superuser("bench")))
        found = {address: p95(person.times(address, repeat)) for address in _addresses()}
    slowest = max(found, key=lambda address: found[address])
    return Verdict(
        found[slowest],
        BOUND_MS,
        1.0,
        "milliseconds (p95) over HTTP, the slowest list",
        details={"slowest": slowest, "p95_ms": {address: round(ms, 1) for address, ms in found.items()}},
    ).as_json()


def _addresses() -> list[str]:
    rooms = [apps.get_app_config(label) for label in ("sync", "problematic")]
    lists = [_list(model) for room in rooms for model in room.get_models() if admin.site.is_registered(model)]
    product, feature = Product.objects.order_by("pk")[0], Feature.objects.order_by("pk")[0]
    tester = Person.objects.filter(kind=Person.Kind.TESTER).order_by("pk")[0]
    of_bugs = (
        "p=50", "o=1", "q=discount", "q=checkout+discount", "q=nowhere", f"q={Bug.objects.latest('pk').pk}",
        "presence=missing", "severity=critical&status=rejected", "severity=custom&status=open",
        f"product__id__exact={product.pk}&severity=critical", f"feature__id__exact={feature.pk}",
        f"author__id__exact={tester.pk}",
    )  # fmt: skip
    of_tests = ("p=50", "q=checkout", "q=nowhere", "status=locked", f"product__id__exact={product.pk}")
    return [
        *lists,
        *(f"{_list(Bug)}?{asked}" for asked in of_bugs),
        *(f"{_list(Test)}?{asked}" for asked in of_tests),
    ]


def _list(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
