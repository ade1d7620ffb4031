"""The links to kept filters above a list of the admin, and the form that keeps the current one."""

from typing import Any

from django import template
from django.urls import reverse

register = template.Library()


@register.inclusion_tag("admin/testio_site/savedfilter/bar.html", takes_context=True)
def saved_filters(context: dict[str, Any], cl: Any) -> dict[str, Any]:
    """Nothing for lists whose filters cannot be kept, and in pop-ups."""
    # Here and not above: tags are loaded while the theme's admin, which this builds on, is being imported.
    from unfold.widgets import CHECKBOX_CLASSES

    from testio_site import saved_filters as saved

    request = context["request"]
    page = saved.page_of(saved.place_of(cl.model_admin))
    if page is None or cl.is_popup:
        return {}
    query = saved.cleaned(page, request.META.get("QUERY_STRING", ""))
    found = list(saved.shown(page, request))
    return {
        "bar": True,
        "csrf_token": context.get("csrf_token"),
        "filters": [_link(each, saved.address(each), request.user.pk, query) for each in found],
        "has_own": any(each.owner_id == request.user.pk for each in found),
        "manage_url": reverse("admin:testio_site_savedfilter_changelist"),
        "can_save": query and all(each.query != query or each.owner_id != request.user.pk for each in found),
        "save_url": reverse("admin:testio_site_savedfilter_save"),
        "place": saved.place_of(page),
        "query": query,
        "box_classes": " ".join(CHECKBOX_CLASSES),
    }


def _link(each: Any, address: str, user_id: int, query: str) -> dict[str, Any]:
    own = each.owner_id == user_id
    return {
        "name": each.name,
        "url": address,
        "is_shown": each.query == query,
        "is_shared": each.is_shared,
        "owner": "" if own else each.owner.get_username(),
        "edit_url": reverse("admin:testio_site_savedfilter_change", args=[each.pk]) if own else "",
    }
