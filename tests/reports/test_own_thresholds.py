"""What a customer calls healthy: kept, used wherever a rate is judged, and changed by those who may."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from reports import catalogue
from reports.models import CustomerThresholds
from reports.schemas.quality import AllThresholds, QualityReport, ThresholdsOfCustomer
from sync.models import Customer
from tests.factories import CustomerFactory
from tests.reports.pages.scenes import Scene, stage
from tests.reports.world import everything
from tests.sync.api.calling import V1, as_published, reader, refusal
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db

#: Nothing is ever worth a look.
CALM = {
    "rejection_warning": 1, "rejection_critical": 1, "auto_acceptance_warning": 1, "auto_acceptance_critical": 1,
    "active_acceptance_warning": 0, "active_acceptance_critical": 0, "review_warning": 0, "review_critical": 0,
}  # fmt: skip
THRESHOLDS = f"{V1}/thresholds"


@pytest.fixture
def acme() -> Scene:
    """Two of its five bugs are rejected, which is critical anywhere but here."""
    scene = stage(CustomerFactory.create(name="acme"), ended=timezone.now() - timedelta(days=3))
    CustomerThresholds.objects.create(customer=scene.product.customer, **CALM)
    return scene


@pytest.fixture
def other() -> Scene:
    return stage(CustomerFactory.create(name="other"), ended=timezone.now() - timedelta(days=3))


def put(client: Client, customer: Customer, **own: Any) -> Any:
    return client.put(f"{THRESHOLDS}/{customer.name}", own, content_type="application/json")


@pytest.mark.parametrize(
    "given",
    [
        {"rejection_warning": 0.3},
        {"rejection_critical": 0.3},
        {"rejection_warning": 0.4, "rejection_critical": 0.3},
        {"review_warning": 0.3, "review_critical": 0.4},
        {"rejection_warning": 0.3, "rejection_critical": 1.1},
        {"review_warning": 0.3, "review_critical": -0.1},
    ],
)
def test_the_database_takes_both_thresholds_of_a_rate_in_order_or_neither(given: dict[str, float]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CustomerThresholds.objects.create(customer=CustomerFactory.create(), **given)


def test_every_product_and_test_of_a_quality_report_is_judged_by_its_own_customer(acme: Scene, other: Scene) -> None:
    told = as_published(
        reader().get(f"{V1}/reports/quality", {"product_id": f"{acme.product.pk},{other.product.pk}"}), QualityReport
    )
    by_product = {row["product_id"]: row["overall_health"] for row in told["products"]}
    assert by_product == {acme.product.pk: "healthy", other.product.pk: "critical"}
    by_test = {row["id"]: row["health"]["rejection"] for row in told["tests"]}
    assert (by_test[acme.test.pk], by_test[other.test.pk]) == ("healthy", "critical")
    assert (told["total"]["overall_health"], told["thresholds"]["rejection"]["critical"]) == ("critical", 0.35)
    assert [(row["customer"], len(row["own"])) for row in told["own_thresholds"]] == [("acme", 4)]


def test_a_report_of_one_customer_is_judged_by_its_thresholds_and_says_so(acme: Scene) -> None:
    document = catalogue.find(everything(), "quality").run(everything(), {"customer": "acme"})
    (health,) = [figure for figure in document.figures if figure.name == "health"]
    assert (health.value, health.note) == ("healthy", "the worst class of any rate, by the thresholds of acme")
    assert ("Judged", "by the thresholds of acme") in list(document.parameters)


def test_a_report_of_several_says_whose_thresholds_are_meant(acme: Scene, other: Scene) -> None:
    ids = [acme.product.pk, other.product.pk]
    document = catalogue.find(everything(), "quality").run(everything(), {"product_id": ids})
    said = "by the thresholds of this site; products by the thresholds of acme, others by those of this site"
    assert ("Judged", said) in list(document.parameters)


def test_pages_judge_by_the_customers_thresholds_and_name_it(acme: Scene, other: Scene) -> None:
    client = Client()
    client.force_login(User.objects.create(username="reader", is_staff=True, is_superuser=True))
    shown = {name: client.get(acme.addresses[name]).content.decode() for name in ("overview", "products", "product")}
    both = "udged by the thresholds of acme, others by those of this site"
    assert [both in shown[name] for name in ("overview", "products")] == [True, True]
    assert ("Judged by the thresholds of acme." in shown["product"], ">Critical<" in shown["product"]) == (True, False)
    assert reverse("admin:reports_customerthresholds_change", args=[acme.product.customer_id]) in shown["product"]
    theirs = client.get(other.addresses["product"]).content.decode()
    assert ("Judged by the thresholds of this site." in theirs, "Critical" in theirs) == (True, True)
    add = f"{reverse('admin:reports_customerthresholds_add')}?customer={other.product.customer_id}"
    assert add in theirs
    test = client.get(acme.addresses["test"]).content.decode()
    assert ("by the thresholds of acme" in test, "dot--bad" in test) == (True, False)


def test_more_customers_take_no_more_statements(acme: Scene) -> None:
    client = Client()
    client.force_login(User.objects.create(username="reader", is_superuser=True))
    addresses = ["/", "/products/", f"{V1}/thresholds"]

    def statements() -> list[int]:
        return [_statements(client, address) for address in addresses]

    statements()  # what is asked once only
    before = statements()
    for name in ("other", "third"):
        scene = stage(CustomerFactory.create(name=name), ended=timezone.now() - timedelta(days=3))
        CustomerThresholds.objects.create(customer=scene.product.customer, review_warning=0.5, review_critical=0.4)
    assert statements() == before


def _statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# Over the API ---------------------------------------------------------------------------------------------------------


def test_an_operator_sets_a_customers_thresholds_and_takes_them_back(other: Scene) -> None:
    customer = other.product.customer
    operator = with_session(member(customer, role="Operator", name="otto"))
    told = as_published(put(operator, customer, rejection={"warning": 0.5, "critical": 0.6}), ThresholdsOfCustomer)
    assert (told["own"], told["rejection"]["warning"], told["review"]["warning"]) == (["rejection"], 0.5, 0.8)
    everybody = as_published(operator.get(THRESHOLDS), AllThresholds)
    assert (everybody["rejection"]["warning"], everybody["customers"]) == (0.2, [told])
    assert as_published(operator.get(f"{THRESHOLDS}/other"), ThresholdsOfCustomer) == told
    assert put(operator, customer, rejection={"warning": 0.5, "critical": 0.6}).json() == told
    assert put(operator, customer).json()["own"] == []
    log = LogEntry.objects.order_by("pk").values_list("user__username", "object_repr", "change_message")
    assert list(log) == [
        ("otto", "other", "Changed thresholds: rejection 0.5 and 0.6."),
        ("otto", "other", "Changed thresholds: none of its own."),
    ]


def test_answers_that_were_kept_are_asked_for_again_when_thresholds_change(other: Scene) -> None:
    customer = other.product.customer
    operator = with_session(member(customer, role="Operator"))
    address = f"{V1}/reports/quality?customer=other"
    known = {"If-None-Match": operator.get(address)["ETag"]}
    assert operator.get(address, headers=known).status_code == 304
    put(operator, customer, rejection={"warning": 1, "critical": 1})
    changed = operator.get(address, headers=known)
    assert (changed.status_code, changed.json()["total"]["health"]["rejection"]) == (200, "healthy")
    CustomerThresholds.objects.get().delete()
    assert operator.get(address).json()["total"]["health"]["rejection"] == "critical"


def test_thresholds_that_make_no_sense_are_refused_by_the_rate(other: Scene) -> None:
    customer = other.product.customer
    operator = with_session(member(customer, role="Operator"))
    refused = put(
        operator, customer, rejection={"warning": 0.5, "critical": 0.4}, review={"warning": 0.4, "critical": 0.5}
    )
    assert (refused.status_code, {each["field"]: each["reason"] for each in refused.json()["errors"]}) == (
        409,
        {
            "parameters.rejection": "The critical threshold of rejection must not be below its warning threshold.",
            "parameters.review": "The critical threshold of review must not be above its warning threshold.",
        },
    )
    assert list(refusal(put(operator, customer, rejection={"warning": False, "critical": 1}))) == ["rejection.warning"]
    assert list(refusal(put(operator, customer, rejection={"warning": 0.5}))) == ["rejection.critical"]
    assert list(refusal(put(operator, customer, rejection={"warning": 20, "critical": 30}))) == [
        "rejection.warning",
        "rejection.critical",
    ]
    assert not CustomerThresholds.objects.exists()


def test_whoever_may_not_change_a_customer_may_not_change_its_thresholds(other: Scene) -> None:
    customer = other.product.customer
    assert put(with_session(member(customer)), customer).status_code == 403
    elsewhere = with_session(member(CustomerFactory.create(), role="Operator", name="max"))
    assert put(elsewhere, customer).status_code == 404
    assert as_published(elsewhere.get(THRESHOLDS), AllThresholds)["customers"] != []
    assert "other" not in [each["customer"] for each in elsewhere.get(THRESHOLDS).json()["customers"]]


# In the admin ---------------------------------------------------------------------------------------------------------

ADD = "/admin/reports/customerthresholds/add/"


def test_an_operator_sets_thresholds_in_the_admin_and_a_viewer_only_looks(other: Scene) -> None:
    customer = other.product.customer
    operator = with_session(member(customer, role="Operator", staff=True))
    assert 'placeholder="0.35"' in operator.get(f"{ADD}?customer={customer.pk}").content.decode()
    wrong = {"customer": customer.pk, "rejection_warning": "0.5", "review_warning": "0.4", "review_critical": "0.5"}
    said = operator.post(ADD, wrong).content.decode()
    assert "Rejection needs both of its thresholds or neither, and critical must not be below warning." in said
    assert "Review needs both of its thresholds or neither, and critical must not be above warning." in said
    assert operator.post(ADD, {"customer": customer.pk, **CALM}).status_code == 302
    assert CustomerThresholds.objects.get().thresholds.rejection.critical == 1
    viewer = with_session(member(customer, name="vera", staff=True))
    page = f"/admin/reports/customerthresholds/{customer.pk}/change/"
    assert [viewer.get(page).status_code, viewer.post(page, {}).status_code, viewer.get(ADD).status_code] == [
        200,
        403,
        403,
    ]
