"""Whether the data is still what it was: what is worked out from all of it may be kept until it is not.

Triggers tell of every transaction that changed a row figures are made of (``DataChange``). Rows become visible together
with what they tell of, so what a snapshot sees of them says exactly what it sees of the data.
"""

from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from sync.models import DataChange

#: Days that changes are kept for, only so that they can be counted: one that took long is visible after later ones.
_DAYS = 1
_STATE = """
SELECT (SELECT mark FROM sync_datachange ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM sync_datachange),
    coalesce(current_setting('testio_desk.changes_data', true), '') = ''
"""


def state() -> str | None:
    """What the data is that this transaction sees: the same words mean the same data, also in other processes.

    None where nothing can be kept: no change was ever seen, or this transaction itself changes the data, of which only
    the first change tells.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        (mark, changes, is_untouched) = cursor.fetchone()
    return f"{mark}/{changes}" if mark and is_untouched else None


def forget_old() -> int:
    """Delete what was told of more than a day ago; how many rows. A change itself, so that no count comes twice."""
    with transaction.atomic():
        deleted, _ = DataChange.objects.filter(at__lt=Now() - timedelta(days=_DAYS)).delete()
        if deleted:
            DataChange.objects.create()
    return deleted
