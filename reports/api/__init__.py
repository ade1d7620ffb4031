"""Reports for programs, under ``/api/v1``: the search, and what is summed up. One module per resource."""

from ninja import Router

from reports.api import custom_reports, people, search, tests

router = Router()
for resource in (search, tests, people, custom_reports):
    router.add_router("", resource.router)
