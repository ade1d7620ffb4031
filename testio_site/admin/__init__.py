"""The admin's pages of what no other room has: users, groups, logins, API tokens, the schedule of background work."""

from testio_site.admin import background, entrance, filters, people, tokens

__all__ = ["background", "entrance", "filters", "people", "tokens"]
