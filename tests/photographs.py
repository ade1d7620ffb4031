"""``make screens``: syncs a simulated company, serves the site, and photographs its main screens into docs/screens."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import django
import pytest
from playwright.sync_api import Page

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "screens"
HEIGHT = 900


def main() -> None:
    with TemporaryDirectory(prefix="testio-desk-screens-", ignore_cleanup_errors=True) as home:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "testio_site.settings", "DATA_DIR": home, "DATABASE_URL": "",
            "DJANGO_DEBUG": "true", "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        }  # fmt: skip
        subprocess.run([sys.executable, "manage.py", "demo", "--once"], cwd=PROJECT, check=True)
        django.setup()
        _photograph(home)


def _photograph(home: str) -> None:
    from django.contrib.auth.models import User  # once Django knows where its data is

    from tests.browser import Visitor, chromium
    from tests.screens import SCREENS
    from tests.site import served

    PICTURES.mkdir(parents=True, exist_ok=True)
    mia = User.objects.create_superuser("mia", first_name="Mia", last_name="Weber")
    with (
        served("", {"DATA_DIR": home}) as site,
        pytest.MonkeyPatch.context() as patch,
        chromium(patch) as browser,
    ):
        page = Visitor(browser, site.url).page(mia)
        _map_something(page)
        for screen in filter(lambda each: each.in_guide, SCREENS):
            page.set_viewport_size({"width": screen.width, "height": HEIGHT})
            page.emulate_media(color_scheme="dark" if screen.dark else "light", reduced_motion="reduce")
            page.goto(screen.address(), wait_until="networkidle")
            page.screenshot(path=PICTURES / f"{screen.name}.png", animations="disabled")
            sys.stdout.write(f"docs/screens/{screen.name}.png\n")


def _map_something(page: Page) -> None:
    """So that the lists have something to tell."""
    from problematic.models import ProblematicEvent

    event = ProblematicEvent.objects.open().order_by("-product_id")[0]
    page.goto(f"/admin/problematic/problematicevent/{event.pk}/change/")
    page.locator("[name=test_ids]").last.fill("100092")
    with page.expect_navigation():
        page.get_by_role("button", name="Map", exact=True).last.click()


if __name__ == "__main__":
    main()
