"""What the site sets up once Django knows its apps and models."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class SiteConfig(AppConfig):
    name = "testio_site"

    def ready(self) -> None:
        post_migrate.connect(_create_schedule, sender=apps.get_app_config("django_celery_beat"))


def _create_schedule(**_: Any) -> None:
    from testio_site import schedule  # its models can be imported only now

    schedule.create_missing()
