"""The admin's pages of what no other room has: users, groups, logins, API tokens, the schedule of background work."""

from testio_site.admin import background, entrance, people, tokens

__all__ = ["background", "entrance", "people", "tokens"]
