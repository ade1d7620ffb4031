"""What a save did, and how one bad record is kept from costing its neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import DataError, OperationalError, transaction
from psycopg import sql

from sync.bulk import Keyed, Merged


@dataclass(slots=True)
class Saved:
    """Ids created and updated, a sentence per record refused, and stubs made (feature: a test that uses it)."""

    created: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    stubs: dict[int, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, merged: Merged, kind: str, stubs: dict[int, int | None] | None = None) -> "Saved":
        """What a merge of ``kind`` of records did; what its guard refused belongs to another customer."""
        refused = [f"{kind} {pk} was not stored: this id belongs to another customer." for pk in sorted(merged.refused)]
        return cls(merged.created, merged.updated, refused, stubs or {})

    def __or__(self, other: "Saved") -> "Saved":
        return Saved(
            self.created | other.created,
            self.updated | other.updated,
            self.refused + other.refused,
            self.stubs | other.stubs,
        )


Stored = TypeVar("Stored", bound=Keyed)


def storable(save: Callable[[Sequence[Stored]], Saved], records: Sequence[Stored]) -> Saved:
    """``save(records)``, except for records PostgreSQL itself refuses: each costs only itself and one sentence.

    Parsing removes everything known to be refused; this is the net below it.
    """
    try:
        with transaction.atomic():
            return save(records)
    except (DataError, OperationalError) as error:
        if not _is_about_the_data(error):
            raise
        if len(records) == 1:
            reason = str(error).partition("\n")[0]
            return Saved(refused=[f"Record {records[0].id} was not stored: the database refuses it ({reason})."])
    middle = len(records) // 2
    return storable(save, records[:middle]) | storable(save, records[middle:])


def _is_about_the_data(error: DataError | OperationalError) -> bool:
    # Class 54 (a value too deep or too long for the server) arrives as an OperationalError, like a lost
    # connection does; only the state tells them apart.
    return isinstance(error, DataError) or str(getattr(error.__cause__, "sqlstate", None) or "").startswith("54")


def owned_by(customer_id: int) -> sql.Composed:
    """Merge guard: the existing row belongs to a product of this customer."""
    return sql.SQL("old.product_id IN (SELECT id FROM sync_product WHERE customer_id = {})").format(
        sql.Literal(customer_id)
    )
