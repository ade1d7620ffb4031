"""What axe-core finds wrong with a page for people who do not see it, or use no mouse."""

from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: What keeps somebody from using the page; lesser findings are advice.
SERIOUS = ("serious", "critical")
#: Advice we follow in frames of our own: whoever goes from landmark to landmark finds all of the page, each name once.
FOLLOWED = ("landmark-unique", "region")


def serious_findings(page: Page) -> list[str]:
    """Each as one line: the rule, what it says, and where."""
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{found['id']}: {found['help']}: {', '.join(str(node['target'][0]) for node in found['nodes'][:5])}"
        for found in violations
        if _counts(found, page)
    ]


def _counts(found: dict[str, Any], page: Page) -> bool:
    is_ours = not urlsplit(page.url).path.startswith("/admin/")  # the theme's frame has no main landmark
    return found["impact"] in SERIOUS or (is_ours and found["id"] in FOLLOWED)
