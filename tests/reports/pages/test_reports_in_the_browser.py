"""The explorer and the builder in a real browser: by keyboard, with a file downloaded at the end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser import Visitor
from tests.factories import CustomerFactory
from tests.reports.pages.scenes import Scene, stage


@pytest.fixture
def reader(transactional_db: None) -> User:
    return User.objects.create(username="reader", is_staff=True, is_superuser=True)


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return stage(CustomerFactory.create(name="acme"), ended=timezone.now() - timedelta(days=3))


def test_a_report_is_filled_in_saved_exported_and_downloaded(
    visitor: Visitor, reader: User, scene: Scene, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    page = visitor.page(reader)
    page.goto("/reports/")
    page.locator("main").get_by_role("link", name="Bugs", exact=True).click()
    page.get_by_role("group", name="Status").locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("rejected", exact=True).check()
    page.get_by_role("button", name="Show").click()
    rows = page.locator("article tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_text("Save as", exact=True).click()
    page.get_by_label("Title").fill("Rejected")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rejected")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="CSV").click()
    link = page.get_by_role("link", name="Download Rejected as CSV")
    expect(link).to_be_visible()
    with page.expect_download() as coming:
        link.click()
    lines = Path(coming.value.path()).read_text("utf-8-sig").splitlines()
    assert (coming.value.suggested_filename.startswith("rejected-"), len(lines)) == (True, 3)


def test_the_explorer_changes_chart_and_table_together_by_keyboard(
    visitor: Visitor, reader: User, scene: Scene
) -> None:
    page = visitor.page(reader)
    page.goto("/metrics/?measure=bugs&rows=product")
    expect(page.locator(".table--pivot thead th")).to_have_count(2)
    page.get_by_label("Columns").focus()
    page.keyboard.type("Bug status")
    expect(page.locator(".table--pivot .group")).to_have_count(5)
    assert page.evaluate("Chart.getChart(document.querySelector('canvas')).data.datasets.length") == 4
    assert "columns=bug_status" in page.url
    expect(page.get_by_label("Columns")).to_be_focused()
    page.get_by_role("link", name="Table", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("canvas")).to_have_count(0)
    page.get_by_label("Filter by").select_option("severity")
    expect(page.locator("#values option")).to_have_count(7)
    page.get_by_label("The value to keep").fill("low")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Take the filter by Severity away")).to_be_visible()
    page.get_by_role("row", name="Total").get_by_role("link").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bugs behind a figure")
    expect(page.locator("tbody tr")).to_have_count(5)
