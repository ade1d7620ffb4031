"""The Celery app: `celery -A testio_site worker --beat`, or `make worker`.

Beat ticks, ticks claim what is due in the database and send it as tasks, and tasks nudge the functions that the
commands call too. Nothing depends on a message: one that is lost or comes twice changes only when a thing is done.
"""

import os
import warnings
from typing import Any

import structlog
from celery import Celery, Task, signals
from celery.platforms import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")

from django.conf import settings

from testio_site import supervision


def _address() -> str:
    if settings.BROKER_IS_FILES or settings.BROKER_URL is None:
        return "filesystem://localhost"
    return settings.BROKER_URL.get_secret_value()


# It warns root of tasks that carry code (pickle); ours carry JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("testio_site", broker=_address())
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()  # for every thread; by itself an app is only known to the thread that made it
app.autodiscover_tasks()
supervision.install(app)


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """With a receiver for this, Celery sets up no logging of its own."""


@signals.task_prerun.connect
def _name_the_task_in_logs(task_id: str, task: Task, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@signals.task_postrun.connect
def _forget_the_task_in_logs(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")
