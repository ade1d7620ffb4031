"""One customer's data, brought up to date: products → features → tests → bugs → test-case results.

``sync_customer`` is the whole of it; the command, the admin and background tasks all end there.
"""

from sync.pipeline.context import Progress, SyncBusy, SyncImpossible, SyncOptions
from sync.pipeline.customer import check_possible, plan_customer, sync_customer

__all__ = [
    "Progress",
    "SyncBusy",
    "SyncImpossible",
    "SyncOptions",
    "check_possible",
    "plan_customer",
    "sync_customer",
]
