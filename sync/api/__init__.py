"""What is synced, for programs, under ``/api/v1``. Reads answer from our tables at once, however old they are; a
stale one asks for a refresh in the background.

One module per resource. An operation is wrapped by ``conditional.reads``, narrows the rows its caller may see
(``sync.access``), and hands them to a ``listing.Listing``, which pages and writes them.
"""

from ninja import Router

from sync.api import bugs, customers, features, people, products, runs, tests

router = Router()
for resource in (products, tests, bugs, features, people, customers, runs):
    router.add_router("", resource.router)
