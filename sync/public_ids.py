"""Ids people can read out: a prefix and the first 12 hex digits of a UUID, and finding the row again."""

import re
from typing import TypeVar
from uuid import UUID

from django.db import models

LENGTH = 12
_DIGITS = re.compile(r"[0-9a-f]{1,32}")

Row = TypeVar("Row", bound=models.Model)


class NoSuchId(Exception):
    """No row, or more than one, has an id that begins like this."""


def public_id(prefix: str, key: UUID) -> str:
    """``prefix`` (three letters and an underscore) and the first 12 hex digits: ``evt_0123456789ab``."""
    return f"{prefix}{key.hex[:LENGTH]}"


def find(rows: "models.QuerySet[Row]", prefix: str, text: str) -> Row:
    """The row whose UUID primary key ``text`` means: the UUID, the public id, or an unambiguous beginning of either.

    Raises ``NoSuchId`` with a sentence for people.
    """
    kind = str(rows.model._meta.verbose_name)
    digits = text.strip().lower().removeprefix(prefix).replace("-", "")
    if not _DIGITS.fullmatch(digits):
        raise NoSuchId(f'"{text}" is no id of a {kind}: give {prefix}… or the UUID, or the beginning of either.')
    found = list(rows.filter(pk__gte=UUID(digits.ljust(32, "0")), pk__lte=UUID(digits.ljust(32, "f")))[:2])
    if not found:
        raise NoSuchId(f'There is no {kind} "{text}".')
    if len(found) > 1:
        raise NoSuchId(f'Several ids of a {kind} begin with "{text}": give more of it.')
    return found[0]
