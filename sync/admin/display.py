"""How values look in the admin. Whatever TestIO sent passes through ``format_html`` or a template: it is inert."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template.defaultfilters import linebreaksbr
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince

EMPTY = "-"
TITLE_LENGTH = 90


def label(text: str, colour: str = "") -> str:
    """A coloured label: info, success, warning, danger, primary, or grey when no colour is named."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}) if text else EMPTY


def title(text: str, otherwise: str) -> str:
    """A title short enough for a list; TestIO's may have thousands of characters, or none."""
    return Truncator(text.strip()).chars(TITLE_LENGTH) or otherwise


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)


def detail_url(model: type[Model], pk: int | str | UUID) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[quote(pk)])


def list_url(model: type[Model], **filters: str | int) -> str:
    """The model's list, filtered: ``list_url(Bug, test__id__exact=5)``."""
    return f"{reverse(f'admin:{model._meta.app_label}_{model._meta.model_name}_changelist')}?{urlencode(filters)}"


def links(*pairs: tuple[str, str]) -> SafeString:
    """Several links in a row, from (address, text)."""
    return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', pairs)


def lines(texts: Iterable[object]) -> SafeString | str:
    """One below the other."""
    return format_html_join("", "<div>{}</div>", ((linebreaksbr(str(text)),) for text in texts)) or EMPTY


def folded(summary: str, texts: list[str]) -> SafeString | str:
    """One below the other, behind a summary that opens them; a dash when there are none."""
    if not texts:
        return EMPTY
    # The theme puts its arrow into the upper right corner.
    return format_html(
        '<details class="pr-8 py-2 relative"><summary class="cursor-pointer">{}</summary>{}</details>',
        summary,
        lines(texts),
    )


def pretty_json(value: object) -> SafeString:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)


def multiline(*fields: str) -> dict[str, Any]:
    """For ``readonly_preprocess_fields``: fields whose line breaks are kept. What comes in is escaped already."""
    return dict.fromkeys(fields, linebreaksbr)


def ago(moment: datetime | None, now: datetime) -> SafeString | str:
    """How long ago, or how soon, with the exact time behind it."""
    if moment is None:
        return EMPTY
    text = f"{timesince(moment, now, depth=1)} ago" if moment <= now else f"in {timesince(now, moment, depth=1)}"
    return format_html('<span class="whitespace-nowrap" title="{} UTC">{}</span>', localize(moment), text)


def duration(length: timedelta | None) -> str:
    """``45 s``, ``3 min 05 s``, ``1 h 02 min``, in blanks that do not break."""
    if length is None:
        return EMPTY
    minutes, seconds = divmod(max(0, round(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}\xa0h\xa0{minutes:02}\xa0min"
    return f"{minutes}\xa0min\xa0{seconds:02}\xa0s" if minutes else f"{seconds}\xa0s"
