"""Saved reports and schedules."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictInt

from sync.api import params

FormatName = Literal["csv", "xlsx", "markdown", "json", "pdf"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _whole(value: Any) -> Any:
    """JSON knows numbers only: 12.0 is as whole as 12, and true and "12" are no numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Day = Annotated[Annotated[StrictInt, Field(ge=1, le=31)], BeforeValidator(_whole)]
_Hour = Annotated[Annotated[StrictInt, Field(ge=0, le=23)], BeforeValidator(_whole)]
_Name = Annotated[
    str, Field(max_length=63, pattern=r"^[-a-zA-Z0-9_]+$", description="What commands call it.", examples=["my-bugs"])
]
_Title = Annotated[str, Field(max_length=200, pattern=r"^[^\u0000]*$", description="Without one, its name.")]
_Text = Annotated[str, Field(max_length=2_000, pattern=r"^[^\u0000]*$")]
_Tag = Annotated[str, Field(max_length=40, pattern=r"^[^\u0000]*$")]
_Tags = Annotated[list[_Tag], Field(max_length=20, examples=[["weekly"]])]
_Customers = Annotated[
    list[params.CustomerName],
    Field(max_length=params.MOST_VALUES, description="Only about these; none means all that whoever runs it may see."),
]


class SavedOrder(Schema):
    model_config = ConfigDict(extra="forbid")

    name: _Name
    report: str = Field(max_length=63, description="The built-in report it is made of.", examples=["bugs"])
    parameters: dict[str, Any] = Field({}, description="As the catalogue describes them.")
    title: _Title = ""
    description: _Text = ""
    tags: _Tags = Field([])
    is_shared: bool = Field(False, strict=True, description="Others may run it too; each sees only what they may see.")
    customers: _Customers = Field([])


class SavedChange(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: _Name = ""
    parameters: dict[str, Any] = Field({}, description="All of them: they take the place of those it has.")
    title: _Title = ""
    description: _Text = ""
    tags: _Tags = Field([])
    is_shared: bool = Field(False, strict=True)
    customers: _Customers = Field([])


class SavedQuery(Schema):
    mine: bool = Field(False, description="Only your own.")


class SavedCard(BaseModel):
    id: str = Field(examples=["sav_0123456789ab"])
    name: str
    title: str
    description: str
    tags: list[str]
    report: str = Field(description="The built-in report it is made of.")
    parameters: dict[str, Any]
    owner: str
    is_mine: bool = Field(description="Only its owner changes, mails and deletes it.")
    is_shared: bool
    customers: list[str] = Field(description="Only about these; none means all that whoever runs it may see.")
    created_at: datetime


class SavedList(BaseModel):
    saved: list[SavedCard]


class ScheduleOrder(Schema):
    """Every week on a `weekday`, or every month on a `day`: one of the two."""

    model_config = ConfigDict(extra="forbid")

    saved: str = Field(max_length=40, description="The id of one of your saved reports.", examples=["sav_0123456789ab"])
    weekday: Weekday | None = Field(None, description="Of every week.")
    day: _Day | None = Field(None, description="Of every month; in a shorter one its last day.")
    hour: _Hour = Field(6, description="UTC.")
    format: FormatName = "xlsx"
    recipients: list[Annotated[str, Field(max_length=254)]] = Field(
        min_length=1, max_length=100, description="E-mail addresses.", examples=[["lead@example.com"]]
    )


class ScheduleCard(BaseModel):
    id: str = Field(examples=["sch_0123456789ab"])
    saved: str = Field(description="The saved report.", examples=["sav_0123456789ab"])
    title: str
    every: Literal["week", "month"]
    weekday: Weekday | None
    day: int | None
    hour: int
    format: FormatName
    recipients: list[str]
    is_enabled: bool
    next_run_at: datetime
    last_run_at: datetime | None
    last_outcome: Literal["mailed", "failed"] | None
    last_error: str


class ScheduleList(BaseModel):
    schedules: list[ScheduleCard]
