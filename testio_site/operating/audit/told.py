"""What a page told whoever asked: a request that was answered with nothing but trouble has changed nothing."""

from typing import Any

from django.contrib import messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest

_TROUBLE = frozenset({messages.WARNING, messages.ERROR})


class Told(FallbackStorage):
    """Django's messages, and of which levels those of this request are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.levels: set[int] = set()

    def add(self, level: int, message: Any, extra_tags: str | None = "") -> None:
        self.levels.add(level)
        super().add(level, message, extra_tags)


def has_refused(request: HttpRequest) -> bool:
    told = messages.get_messages(request)
    return isinstance(told, Told) and bool(told.levels) and told.levels <= _TROUBLE
