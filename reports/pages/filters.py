"""A bar of filters: a GET form, so that the address holds what is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from reports.pages.links import changed


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to filter by: a choice where it has ``options`` (value, text), else an input of this ``kind``."""

    name: str
    label: str
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    any: str = "Any"
    kind: str = "search"
    hint: str = ""
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """``key``: under which the browser remembers it. ``kept``: the rest of the page's state, sent along."""

    key: str
    action: str
    fields: Sequence[Field]
    kept: Sequence[tuple[str, str]] = ()

    @property
    def names(self) -> str:
        return " ".join(field.name for field in self.fields)

    @property
    def is_set(self) -> bool:
        return any(field.value for field in self.fields)

    @property
    def reset_url(self) -> str:
        return changed(self.action, QueryDict(), **dict(self.kept))


def kept(query: QueryDict, *names: str) -> list[tuple[str, str]]:
    """What of the address stays when the filters change."""
    return [(name, str(query[name])) for name in names if query.get(name)]


def text(query: QueryDict, name: str) -> str:
    """What was typed, without what no text of the database can hold."""
    return query.get(name, "").replace("\0", "").strip()


def one_of(query: QueryDict, name: str, known: Sequence[str], default: str = "") -> str:
    """What the address chooses; the default for anything unknown: a link of yesterday still opens."""
    value = query.get(name, "")
    return value if value in known else default
