"""What the site sets up once Django knows its apps and models."""

from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate

from testio_site.checks import exposure


class SiteConfig(AppConfig):
    name = "testio_site"

    def ready(self) -> None:
        register(exposure, Tags.security, deploy=True)
        post_migrate.connect(_create_schedule, sender=apps.get_app_config("django_celery_beat"))
        _connect_audit()
        post_migrate.connect(_ensure_roles, sender=self)  # this app is the last: all permissions are there by then


def _connect_audit() -> None:
    from testio_site.operating.audit import signals  # its models can be imported only now

    signals.connect()


def _create_schedule(**_: Any) -> None:
    from testio_site import schedule  # its models can be imported only now

    schedule.create_missing()


def _ensure_roles(using: str, apps: Any = apps, **_: Any) -> None:
    """``apps`` as the migrations left them: somebody may have taken them back, and the roles with them."""
    from testio_site import roles

    if any(model._meta.app_label == SiteConfig.name for model in apps.get_models()):
        roles.ensure(apps, using)
