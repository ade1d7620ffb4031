from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from reports.models import ReportRun
from sync.summaries import when
from tests.reports import world
from tests.reports.world import person
from tests.sync.support import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "/api/v1/reports"


@pytest.fixture
def small(settings: Any, tmp_path: Path) -> world.World:
    settings.DATA_DIR = tmp_path
    return world.make()


def client(name: str, *customers: Any, see_all: bool = False) -> Client:
    caller = Client()
    caller.force_login(person(name, *customers, see_all=see_all))
    return caller


def start(caller: Client, **body: Any) -> Any:
    return caller.post(f"{BASE}/runs", body, content_type="application/json")


def test_the_catalogue_tells_what_each_report_takes(small: world.World) -> None:
    ann = client("ann", see_all=True)
    found = ann.get(f"{BASE}/catalogue", {"q": "forms"}).json()["reports"]
    assert [each["name"] for each in found] == ["custom-report-summary", "custom-reports"]
    assert "configuration_id" in found[0]["parameters"]["properties"]
    assert ann.get(f"{BASE}/catalogue/bugs").json()["title"] == "Bugs"
    assert ann.get(f"{BASE}/catalogue/bug").status_code == 404


def test_a_report_is_ordered_watched_and_downloaded_by_its_owner_alone_until_it_expires(small: world.World) -> None:
    ann, ben = client("ann", see_all=True), client("ben", see_all=True)
    ordered = start(ann, report="bugs", format="csv", parameters={"product_id": [1]})
    assert ordered.status_code == 202
    address = ordered["Location"]
    wait_until(lambda: ann.get(address).json()["status"] != "running", "a report that is written")
    run = ann.get(address).json()
    assert (run["status"], run["progress"], run["rows_written"]) == ("succeeded", 1.0, 3)
    file = ann.get(run["file"])
    assert b"".join(file.streaming_content).startswith(b"id,title,")  # type: ignore[attr-defined]  # a file's answer
    assert file["Content-Disposition"].startswith('attachment; filename="bugs-')
    assert file["Content-Disposition"].endswith('.csv"')
    assert (file["X-Content-Type-Options"], file["Cache-Control"]) == ("nosniff", "private, no-store")
    assert [each["id"] for each in ann.get(f"{BASE}/runs").json()["runs"]] == [run["id"]]
    assert ben.get(f"{BASE}/runs").json() == {"runs": []}
    assert [ben.get(each).status_code for each in (address, run["file"])] == [404, 404]
    ReportRun.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expired, gone = ann.get(address).json(), ann.get(run["file"])
    assert (run["is_expired"], expired["is_expired"], expired["file"]) == (False, True, None)
    why = f"expired at {when(ReportRun.objects.get().expires_at)}: files are not kept longer. Run the report again."
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Report {run['id']} {why}")
    assert ann.get(f"{BASE}/runs").json() == {"runs": []}
    assert [ben.delete(address).status_code, ann.delete(address).status_code] == [404, 204]
    assert ann.get(run["file"]).status_code == 404


def test_wrong_orders_are_refused_field_by_field(small: world.World) -> None:
    ann = client("ann", see_all=True)
    refused = start(ann, report="bugs", format="csv", parameters={"severity": ["awful"], "colour": 1})
    assert refused.status_code == 409
    assert {each["field"] for each in refused.json()["errors"]} == {"parameters.severity", "parameters.colour"}
    assert start(ann, report="bugs", format="docx").status_code == 422
    assert start(ann, report="nothing", format="csv").status_code == 404
    assert not ReportRun.objects.exists()
