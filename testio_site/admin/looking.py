"""What the address of a list may ask for."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import HttpRequest


class OnlyOfferedLookups:
    """Only what the filters of the list send. Django's own rule looks into any column of the row, and of the rows
    beside it: members of customers the reader does not see, secrets and hashes byte by byte."""

    list_filter: ClassVar[Any]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in _sent(self.list_filter)


def _sent(list_filter: Any) -> Iterator[str]:
    """Filters are classes with a parameter, or the names of columns that are yes or no."""
    for declared in list_filter:
        yield f"{declared}__exact" if isinstance(declared, str) else declared.parameter_name
