"""Figures as documents."""

from ninja import Field

from reports.figures import BugCounts
from sync.schemas.common import Document


class Rates(Document):
    """Shares between 0 and 1; null where there is nothing to have a share of."""

    overall_acceptance: float | None = Field(description="(accepted + auto-accepted) / all bugs", examples=[0.82])
    active_acceptance: float | None = Field(description="accepted / all bugs", examples=[0.7])
    auto_acceptance: float | None = Field(description="auto-accepted / (accepted + auto-accepted)", examples=[0.1463])
    rejection: float | None = Field(description="rejected / all bugs", examples=[0.12])
    review: float | None = Field(description="(accepted + rejected) / all bugs", examples=[0.82])


class BugFigures(Document):
    """How many bugs, by what became of them. `total` counts every bug, also of a status nobody knows yet."""

    total: int = Field(examples=[50])
    accepted: int = Field(examples=[35])
    auto_accepted: int = Field(examples=[6])
    rejected: int = Field(examples=[6])
    open: int = Field(examples=[3])
    rates: Rates

    @classmethod
    def of(cls, counts: BugCounts) -> "BugFigures":
        return cls(
            total=counts.total,
            accepted=counts.accepted,
            auto_accepted=counts.auto_accepted,
            rejected=counts.rejected,
            open=counts.open,
            rates=Rates(**counts.rates()),
        )
