"""What most reports can be asked for: customers, products, days."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from reports.catalogue import NotThere, Parameters, Report
from reports.documents import Document, Section, Table
from reports.limits import Limits
from sync import access as caller
from sync import wording
from sync.access import Access
from sync.api import params
from sync.dates import Period, read_period
from sync.models import Product

Days = Annotated[
    Period,
    BeforeValidator(lambda phrase: phrase if isinstance(phrase, Period) else read_period(str(phrase)[:60])),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-phrase",
            "examples": ["last month", "2025-Q1", "2025-03", "last 30 days", "YTD"],
        }
    ),
]


_ENDS = WithJsonSchema(
    {"type": "string", "format": "date-phrase", "examples": ["2025-03-31", "last quarter", "2025-Q1", "yesterday"]}
)
#: Ends of a range that may be said by a longer time: it begins with the first day of that, and ends with the last.
FirstDay = Annotated[date, BeforeValidator(lambda phrase: read_period(str(phrase)[:60]).first), _ENDS]
LastDay = Annotated[date, BeforeValidator(lambda phrase: read_period(str(phrase)[:60]).last), _ENDS]


class OfProducts(Parameters):
    customer: params.CustomerName | None = Field(None, description="Only this customer, by name.")
    product_id: params.Ids = Field([], description="Only these products.")

    def check(self, access: Access) -> None:
        self.products(access)

    def products(self, access: Access) -> "QuerySet[Product]":
        """Those that are asked for, of those the caller may see. Raises ``NotThere``."""
        visible = caller.products(access)
        if self.customer is not None:
            if not caller.customers(access).filter(name=self.customer).exists():
                raise NotThere({"customer": f'there is no customer "{self.customer}"'})
            visible = visible.filter(customer__name=self.customer)
        if not self.product_id:
            return visible
        chosen = visible.filter(pk__in=self.product_id)
        if missing := set(self.product_id) - set(chosen.values_list("pk", flat=True)):
            whose = f"customer {self.customer} has" if self.customer else "there is"
            raise NotThere({"product_id": f"{whose} no product {', '.join(map(str, sorted(missing)))}"})
        return chosen

    def product_ids(self, access: Access) -> list[int] | None:
        """The numbers of those, None where all that the caller may see are meant. Raises ``NotThere``."""
        if not (self.customer or self.product_id):
            return None
        return list(self.products(access).values_list("pk", flat=True))

    def shown(self) -> list[tuple[str, str]]:
        """What was asked for, in words, as the head of a document has it."""
        return list(self._shown())

    def _shown(self) -> Iterator[tuple[str, str]]:
        if self.customer:
            yield "Customer", self.customer
        if self.product_id:
            yield "Products", ", ".join(map(str, self.product_id))
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name not in ("customer", "product_id", "period", "since", "until") and value != field.get_default():
                yield _title(name), _words(name, value)


class OfDays(OfProducts):
    period: Days | None = Field(None, description="Only this period, such as `last month`, `2025-Q1`, `last 30 days`.")
    since: FirstDay | None = Field(None, description="Only the first day (UTC) of this or later.")
    until: LastDay | None = Field(None, description="Only the last day (UTC) of this or before; the day itself counts.")

    @field_validator("since", "until")
    @classmethod
    def _one_way_to_say_it(cls, day: date | None, before: ValidationInfo) -> date | None:
        if day and before.data.get("period"):
            raise ValueError("give a period, or since and until, not both")
        return day

    @field_validator("until")
    @classmethod
    def _not_before_since(cls, until: date | None, before: ValidationInfo) -> date | None:
        since = before.data.get("since")
        if since and until and since > until:
            raise ValueError(f"it is {until}, before since ({since}), so nothing can be found; swap the two")
        return until

    def between(self, column: str) -> Q:
        first, last = self.days
        return params.between(column, first, last)

    @property
    def days(self) -> tuple[date | None, date | None]:
        return (self.period.first, self.period.last) if self.period else (self.since, self.until)

    def _shown(self) -> Iterator[tuple[str, str]]:
        yield from super()._shown()
        first, last = self.days
        if first or last:
            yield "Period", f"{first or 'the beginning'} to {last or 'today'} (UTC)"


def of_tables(
    report: Report,
    asked: OfProducts,
    *tables: Table,
    limits: Limits | None = None,
    notes: Sequence[str] = (),
    subtitle: str = "",
) -> Document:
    """A report that is tables and nothing else. ``notes``: also to be known, beside the limits."""
    return Document(
        report.name,
        report.title,
        timezone.now(),
        subtitle,
        parameters=asked.shown(),
        notes=[*(limits.notes if limits else ()), *notes],
        sections=[Section(tables=list(tables))],
        data_as_of=limits.data_as_of if limits else None,
    )


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _words(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_words(name, each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "testing_type":
        return wording.shown_testing_type(value)
    return wording.shown_bug_status(value) if name == "status" else str(value)
