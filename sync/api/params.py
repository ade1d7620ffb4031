"""What the lists of the API take: the same words, dates and numbers everywhere, each refused by name when it is odd.

Every filter takes several values, repeated or with commas between them. Words are taken as people see them and as
TestIO stores them, and arrive here as they are stored.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, TypeVar

from django.db import models
from ninja import Field, P, PathEx, Schema
from ninja.errors import ValidationError
from pydantic import AfterValidator, BeforeValidator, StrictInt, WithJsonSchema

from sync import access, customers, wording
from sync.access import Access
from sync.api import keyset
from sync.dates import read_day
from sync.models import Person
from sync.testio.payloads.reading import BIGINT_MAX
from sync.testio.rejection import SENTENCES

Row = TypeVar("Row", bound=models.Model)

MOST_ROWS = 200
MOST_VALUES = 200


def _whole(value: Any) -> Any:
    """JSON knows numbers only: 12.0 is as whole as 12."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[int, Field(gt=0, le=BIGINT_MAX)]
#: The same in a body, where a number must be a number.
BodyId = Annotated[Annotated[StrictInt, Field(gt=0, le=BIGINT_MAX)], BeforeValidator(_whole)]


def path_id(of: str, example: int) -> Any:
    return P(gt=0, le=BIGINT_MAX, description=f"TestIO's number of the {of}.", example=example)


ProductId = PathEx[int, path_id("product", 12)]
TestId = PathEx[int, path_id("test", 501234)]
BugId = PathEx[int, path_id("bug", 7001234)]
FeatureId = PathEx[int, path_id("feature", 30012)]
PersonId = PathEx[int, P(gt=0, le=BIGINT_MAX, description="Our number of the person.", example=41)]
NamedCustomer = PathEx[
    str, P(max_length=63, pattern=r"^[-a-zA-Z0-9_]+$", description="The customer's name.", example="acme")
]


def separate(values: Any) -> Any:
    """["1,2", "3"] → ["1", "2", "3"]"""
    if not isinstance(values, list):
        return values
    return [part for value in values for part in (value.split(",") if isinstance(value, str) else [value])]


#: Repeated, or several with commas: ``Annotated[list[Word], *SEVERAL]``.
SEVERAL = (BeforeValidator(separate), Field(max_length=MOST_VALUES))

Ids = Annotated[list[Id], *SEVERAL]
CustomerName = Annotated[str, Field(max_length=63, pattern=r"^[-a-zA-Z0-9_]+$", examples=["acme"])]
#: Text to look for: PostgreSQL refuses NUL, and no name is longer.
Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\u0000]*$")]
Texts = Annotated[list[Text], Field(max_length=MOST_VALUES)]


# Words ----------------------------------------------------------------------------------------------------------------


def _words(
    what: str, stored: Iterable[str | None], shown: Callable[[Any], str], read: Callable[[str], str | None]
) -> tuple[AfterValidator, WithJsonSchema]:
    """What makes a type take both words of each value and give the stored one."""
    known = tuple(stored)
    accepted = list(dict.fromkeys([*map(shown, known), *(word for word in known if word is not None)]))

    def stored_word(word: str) -> str | None:
        if (value := read(word)) in known:
            return value
        raise ValueError(f'"{word}" is no {what}. Known are: {", ".join(accepted)}')

    return AfterValidator(stored_word), WithJsonSchema({"type": "string", "enum": accepted})


def _as_it_is(word: str) -> str:
    return word


def _plain(word: str) -> str:
    return word.strip().lower()


TestStatus = Annotated[str, *_words("status of a test", wording.TEST_STATUSES, _as_it_is, _plain)]
TestingType = Annotated[
    str | None,
    *_words("testing type", wording.TESTING_TYPES, wording.shown_testing_type, wording.stored_testing_type),
]
BugStatus = Annotated[
    str, *_words("status of a bug", wording.BUG_STATUSES, wording.shown_bug_status, wording.stored_bug_status)
]
Severity = Annotated[str, *_words("severity", wording.BUG_SEVERITIES, _as_it_is, _plain)]
RejectionReason = Annotated[str, *_words("rejection reason", SENTENCES, _as_it_is, _plain)]
PersonKind = Annotated[str, *_words("kind of person", Person.Kind.values, _as_it_is, _plain)]

TestStatuses = Annotated[list[TestStatus], *SEVERAL]
TestingTypes = Annotated[list[TestingType], *SEVERAL]
BugStatuses = Annotated[list[BugStatus], *SEVERAL]
Severities = Annotated[list[Severity], *SEVERAL]
RejectionReasons = Annotated[list[RejectionReason], *SEVERAL]
PersonKinds = Annotated[list[PersonKind], *SEVERAL]


# Days -----------------------------------------------------------------------------------------------------------------


def _day(phrase: Any) -> date:
    return read_day(str(phrase)[:_LONGEST_DAY], future=True)


_LONGEST_DAY = 60  # characters; no day is longer, and an error repeats what it could not read

Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema(
        {"type": "string", "format": "date-phrase", "examples": ["2025-03-31", "yesterday", "3 days ago", "last week"]}
    ),
]
SINCE = "this day (UTC) or later: a date or a phrase like `yesterday`, `3 days ago`, `last week`, `31 March 2025`."
UNTIL = "this day (UTC) or before; the day itself counts."


def between(column: str, since: date | None, until: date | None) -> models.Q:
    """Whole days, in UTC; both belong to it. Rows without a time are in no range."""
    wanted = models.Q()
    if since:
        wanted &= models.Q((f"{column}__gte", midnight(since)))
    if until:
        wanted &= models.Q((f"{column}__lte", datetime.combine(until, time.max, UTC)))
    return wanted


def midnight(day: date) -> datetime:
    """Its beginning, in UTC."""
    return datetime.combine(day, time(), UTC)


# Lists ----------------------------------------------------------------------------------------------------------------


class ListQuery(Schema):
    """What every list takes."""

    limit: int = Field(50, ge=1, le=MOST_ROWS, description="How many rows to answer with at most.")
    cursor: str | None = Field(
        None,
        max_length=keyset.LONGEST_CURSOR,
        pattern=r"^[-_A-Za-z0-9]+$",
        description="`next_cursor` of the page before; all other parameters but `limit` and `count` as they were then.",
    )
    count: bool = Field(False, description="Also count all rows of all pages, exactly; it takes longer.")


class Missing(Schema):
    missing: bool | None = Field(
        None, description="Only what TestIO no longer has (`true`), or only what it still has (`false`); else both."
    )


class OfCustomer(Schema):
    customer: CustomerName | None = Field(None, description="Only this customer, by name.")


class OfProducts(OfCustomer):
    product_id: Ids = Field([], description="Only these products; may be repeated, or several with commas.")


def narrowed(rows: "models.QuerySet[Row]", **conditions: Any) -> "models.QuerySet[Row]":
    """Those that meet every condition that says something: empty lists and None ask for nothing."""
    asked = {name: value for name, value in conditions.items() if value is not None and value != []}
    return rows.filter(**asked) if asked else rows


def one_of(column: str, values: "list[str | None]") -> models.Q:
    """The same as ``column__in``, where None is one of the values."""
    given = [value for value in values if value is not None]
    wanted = models.Q((f"{column}__in", given)) if given else models.Q()
    return wanted | models.Q((column, None)) if None in values else wanted


def missing(rows: "models.QuerySet[Row]", wanted: bool | None) -> "models.QuerySet[Row]":
    return rows if wanted is None else rows.filter(missing_since__isnull=not wanted)


def customer_id(caller: Access, name: str | None) -> int | None:
    """The number of the customer with that name. Raises ``CustomerError`` where there is none the caller may see."""
    return None if name is None else customers.find(name, access.customers(caller)).pk


def of_products(
    caller: Access, rows: "models.QuerySet[Row]", query: OfProducts, *, product: str = "product"
) -> "models.QuerySet[Row]":
    """Rows of the products and the customer asked for; ``product`` is the way from a row to its product.

    Raises ``CustomerError`` as ``customer_id`` does.
    """
    customer = customer_id(caller, query.customer)
    return narrowed(rows, **{f"{product}_id__in": query.product_id, f"{product}__customer_id": customer})


def refuse(parameter: str, reason: str) -> ValidationError:
    """What to raise for a parameter of the address that cannot be used."""
    return ValidationError([{"loc": ("query", parameter), "msg": reason}])
