"""A real browser for tests of pages: the system's Chromium, and all that its pages complain of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

#: Milliseconds; nothing takes that long unless it fails.
PATIENCE = 30_000
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(slots=True)
class Visitor:
    """Opens pages of the site at ``url``. ``complaints``: what the pages' consoles, scripts and dialogs said."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)

    def page(self, user: User | None = None, *, width: int = 1280) -> Page:
        """A page of a session of its own, logged in as ``user``."""
        context = self.browser.new_context(viewport={"width": width, "height": 900}, base_url=self.url)
        context.set_default_timeout(PATIENCE)
        if user is not None:
            client = Client()
            client.force_login(user)
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._heard(page, message))
        page.on("dialog", lambda dialog: self._asked(page, dialog))
        return page

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{page.url}: {message.text}")

    def _asked(self, page: Page, dialog: Dialog) -> None:
        self.complaints.append(f"{page.url}: a script asked {dialog.message!r}")
        dialog.dismiss()


@contextmanager
def chromium(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail(f"This test needs a browser: install Chromium, so that one of {', '.join(NAMES)} can be started.")
    # Playwright keeps an event loop running in this thread, which Django takes for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
        connections.close_all()  # for the same reason this thread has had connections of its own in here
