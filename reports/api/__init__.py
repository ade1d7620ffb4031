"""Reports for programs, under ``/api/v1``: the search, and what is summed up. One module per resource."""

from ninja import Router

from reports.api import (
    analytics,
    custom_reports,
    custom_summary,
    people,
    quality,
    runs,
    saved,
    schedules,
    search,
    test_cases,
    tests,
    thresholds,
)

router = Router()
for resource in (
    search,
    tests,
    people,
    custom_reports,
    custom_summary,
    test_cases,
    quality,
    thresholds,
    analytics,
    runs,
    saved,
    schedules,
):
    router.add_router("", resource.router)
