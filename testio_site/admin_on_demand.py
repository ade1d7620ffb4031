"""Django's admin, whose pages are loaded with the addresses of the site, or to be checked.

By itself Django loads them wherever it starts: in every command and worker, a third of the time that takes.
"""

from typing import Any

from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class AdminOnDemand(SimpleAdminConfig):
    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(_check_all_pages, Tags.admin)


def _check_all_pages(**options: Any) -> list[CheckMessage]:
    autodiscover()
    return list(check_admin_app(**options))
