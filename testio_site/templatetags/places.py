"""Where a page is, in the words of the navigation, whether it is the admin's or one of ours."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from reports.pages.frame import Crumb
from testio_site.navigation import Navigation

register = template.Library()


@register.simple_tag
def trail_of(crumbs: Iterable[Crumb], navigation: Navigation, path: str) -> list[Crumb]:
    """The crumbs of a page of ours, below the group they belong to; a page called like its group is named once."""
    found = list(crumbs)
    place = navigation.place(found[0].url or path)
    return found if place is None or place[0] == found[0].title else [Crumb(place[0]), *found]


@register.simple_tag
def trail_of_admin(parts: Iterable[Mapping[str, Any]], navigation: Navigation) -> list[Crumb]:
    """The theme's own crumbs: application, table, row. The first two are called as the navigation calls them; what a
    row is called, such as its public id, stays as it is."""
    found = [Crumb(str(part["title"]), str(part.get("link") or "")) for part in parts]
    if len(found) < 2:
        return found
    _, table, *rows = found
    group, title = navigation.place(table.url) or (found[0].title, table.title[:1].upper() + table.title[1:])
    return [Crumb(group), Crumb(title, table.url), *rows]
