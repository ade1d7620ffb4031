"""The quality report as programs have it: complete, traceable, and only what its caller may see."""

from typing import Any

import pytest
from django.test import Client

from reports.schemas.quality import QualityReport
from tests.reports import small_world
from tests.sync.api.calling import V1, as_published, reader

pytestmark = pytest.mark.django_db
QUALITY = f"{V1}/reports/quality"


def report(client: Client, **asked: Any) -> Any:
    return as_published(client.get(QUALITY, asked), QualityReport)


def counted(client: Client, address: str) -> int:
    """How many rows a call lists in all."""
    response = client.get(f"{address}&count=true&limit=1")
    assert response.status_code == 200, (address, response.content)
    return int(response.json()["count"])


def test_every_number_leads_to_a_call_that_lists_its_rows() -> None:
    customer = small_world.build(3)[0]
    client = reader()
    told = report(client, customer=customer.name, since="2024-06", until="this year", status="archived,running")
    assert told["total"]["bugs"]["total"] > 10
    groups = [row for name in told if name.startswith("by_") for row in told[name]]
    for row in [told["total"], *told["products"], *groups, *told["tests"][:5]]:
        assert counted(client, row["links"]["bugs"]) == row["bugs"]["total"], row
        if row.get("tests") is not None:
            assert counted(client, row["links"]["tests"]) == row["tests"], row
    for name in ("by_severity", "by_bug_status", "by_feature", "by_test_status", "by_testing_type", "by_month"):
        assert sum(row["bugs"]["total"] for row in told[name]) == told["total"]["bugs"]["total"], name
