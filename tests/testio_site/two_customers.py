"""The whole data of a customer, one row of every kind, none of which looks like anybody else's."""

from dataclasses import dataclass
from typing import Any, Self

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from reports.models import CustomerThresholds, ReportRun, ReportSchedule, SavedReport
from sync.models import Customer
from tests import factories as made
from tests.problematic import factories as problems

_READ = ("features_synced_at", "sections_synced_at", "tests_synced_at", "bugs_synced_at")


@dataclass(frozen=True, slots=True)
class Side:
    """One customer. ``rows``: its rows by the word that addresses have for them; ``owner``: of its reports."""

    customer: Customer
    owner: User
    rows: dict[str, Any]

    @classmethod
    def of(cls, name: str, start: int, *, is_default: bool = False) -> Self:
        """``name`` is in every text and ``start`` is below every number that the customer has."""
        customer = made.CustomerFactory.create(id=start, name=name, is_default=is_default)
        customer.set_token("secret")
        customer.save()
        product = made.ProductFactory.create(
            id=start + 1,
            customer=customer,
            name=f"{name} product",
            product_type="website",
            next_sync_at="2999-01-01T00:00:00Z",
            **dict.fromkeys(_READ, timezone.now()),
        )
        section = made.SectionFactory.create(id=start + 2, product=product, name=f"{name} section")
        feature = made.FeatureFactory.create(id=start + 3, product=product, title=f"{name} feature")
        feature.sections.add(section)
        story = made.UserStoryFactory.create(id=start + 21, feature=feature, testio_id=start + 4, title=f"{name} story")
        person = made.PersonFactory.create(id=start + 22, customer=customer, username=f"{name} tester")
        test = made.TestFactory.create(
            id=start + 5,
            product=product,
            section=section,
            title=f"{name} test",
            created_by=person,
            submitted_by=person,
        )
        copy = made.TestFeatureFactory.create(id=start + 6, test=test, feature=feature, title=f"{name} copy")
        bug = made.BugFactory.create(
            id=start + 7,
            test=test,
            title=f"{name} bug",
            author=person,
            test_feature=copy,
            feature=feature,
            severity="custom",
        )
        rows = {
            "customer": customer,
            "product": product,
            "section": section,
            "feature": feature,
            "user_story": story,
            "person": person,
            "test": test,
            "test_feature": copy,
            "platform": made.TestPlatformFactory.create(id=start + 24, test=test, operating_system=f"{name} system"),
            "freshness": made.TestFreshnessFactory.create(test=test),
            "bug": bug,
            "device": made.BugDeviceFactory.create(id=start + 25, bug=bug, device=f"{name} device"),
            "report": made.CustomReportFactory.create(bug=bug, data=[{"key": "form", "value": f"{name} form"}]),
            "test_case": made.TestCaseFactory.create(
                id=start + 26, test=test, testio_id=start + 8, title=f"{name} case"
            ),
            "result": made.TestCaseResultFactory.create(
                id=start + 27, test=test, testio_id=start + 9, tester=f"{name} tester"
            ),
            "lease": made.SyncLeaseFactory.create(product=product),
        }
        owner = User.objects.create(username=f"{name}-owner")
        rows |= _runs(customer, product, name, start) | _problems(customer, product, name, start)
        return cls(customer, owner, rows | _reports(customer, owner, name))

    @classmethod
    def nobodys(cls, name: str, start: int) -> Self:
        """One that was there and is not any more."""
        with transaction.atomic():
            side = cls.of(name, start)
            transaction.set_rollback(True)
        return side

    @property
    def words(self) -> set[str]:
        """What nobody else has: its name and its ids. No other text of the customer is without its name."""
        keys = {str(row.pk) for row in self.rows.values()}
        return {self.customer.name, *keys, *(row.public_id for row in self.rows.values() if hasattr(row, "public_id"))}

    def stored(self) -> dict[str, Any]:
        """All its rows as the database has them now."""
        rows: dict[str, QuerySet[Any]] = {
            word: QuerySet(type(row)).filter(pk=row.pk) for word, row in self.rows.items()
        }
        return {word: found.values().first() for word, found in rows.items()}


def _runs(customer: Customer, product: Any, name: str, start: int) -> dict[str, Any]:
    run = made.SyncEventFactory.create(
        customer=customer, status="partial", finished_at=timezone.now(), error=f"{name} error"
    )
    phase = made.SyncPhaseFactory.create(
        id=start + 28,
        event=run,
        product=product,
        status="succeeded",
        finished_at=timezone.now(),
        warnings=[f"{name} warning"],
    )
    return {"run": run, "phase": phase}


def _problems(customer: Customer, product: Any, name: str, start: int) -> dict[str, Any]:
    event = problems.ProblematicEventFactory.create(product=product)
    mapping = problems.ProblematicMappingFactory.create(
        id=start + 29, event=event, test_id=start + 10, last_error=f"{name} error"
    )
    job = problems.RetryJobFactory.create(
        event=event,
        mapping_ids=[mapping.pk],
        customer_ids=[customer.pk],
        status="partial",
        finished_at=timezone.now(),
        errors=[f"{name} error"],
    )
    return {
        "event": event,
        "mapping": mapping,
        "attempt": problems.RetryAttemptFactory.create(id=start + 30, mapping=mapping, detail=f"{name} detail"),
        "entry": problems.TriageEntryFactory.create(id=start + 31, event=event, detail=f"{name} detail"),
        "job": job,
    }


def _reports(customer: Customer, owner: User, name: str) -> dict[str, Any]:
    saved = SavedReport.objects.create(
        name=f"{name}-bugs", title=f"{name} report", owner=owner, is_shared=True, report="bugs"
    )
    saved.customers.add(customer)
    schedule = ReportSchedule.objects.create(
        saved=saved, every="week", weekday=0, recipients=[f"{name}@example.com"], next_run_at="2999-01-01T00:00:00Z"
    )
    thresholds = CustomerThresholds.objects.create(customer=customer, rejection_warning=0.3, rejection_critical=0.4)
    run = ReportRun.objects.create(
        report="bugs",
        title=f"{name} report",
        format="csv",
        owner=owner,
        permission="sync.view_bug",
        customer_ids=[customer.pk],
        status="succeeded",
        extension="csv",
        size=1,
        created_at="2026-03-01T12:00:00Z",
        finished_at="2026-03-01T12:00:00Z",
        expires_at="2999-01-01T00:00:00Z",
    )
    run.path.parent.mkdir(parents=True, exist_ok=True)
    run.path.write_text(f"{name} bug {customer.pk}")
    return {"saved": saved, "schedule": schedule, "thresholds": thresholds, "report_run": run}
