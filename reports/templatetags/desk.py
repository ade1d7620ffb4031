"""What the pages' templates say in one word."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from reports.pages import words

register = template.Library()

_TONES = {"error": "bad", "warning": "warn", "success": "good"}
_ICONS = {"good": "check_circle", "warn": "warning", "bad": "error"}

register.filter("count", words.count)
register.filter("rate", words.rate)
register.filter("day", words.day)
register.filter("spaced", words.spaced)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the admin's font; nothing to whoever has the page read aloud."""
    return format_html('<span class="icon" aria-hidden="true">{}</span>', name)


@register.filter
def split(text: str) -> list[str]:
    """A list that a template holds itself, with commas between."""
    return text.split(",")


@register.filter
def tone_of_message(level: str) -> str:
    """The tone of one of Django's messages."""
    return _TONES.get(level, "")


@register.filter
def icon_of_tone(tone: str) -> str:
    return _ICONS.get(tone, "info")
