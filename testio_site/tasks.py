"""What workers do for the site itself."""

from celery import shared_task
from django.conf import settings

from testio_site.operating.audit import pruning


@shared_task
def prune_audit() -> int:
    return pruning.prune(settings.DESK_AUDIT_DAYS)
