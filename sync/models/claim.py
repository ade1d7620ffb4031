"""Claims on background work: a mark, with its time, on the row that is lent to a worker.

A claim that was not settled for ``CLAIM_SECONDS`` counts no more: whoever made it is gone, or the queue lost its task.
"""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

#: How long a claim may wait for its worker before it is due again. A task that is older may be thrown away.
CLAIM_SECONDS = 600


def unclaimed(column: str) -> Q:
    """Rows on which nobody has a claim that counts; ``column`` holds when they were claimed, null when not."""
    return Q((column, None)) | Q((f"{column}__lte", Now() - timedelta(seconds=CLAIM_SECONDS)))
