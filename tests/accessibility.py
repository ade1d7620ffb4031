"""What axe-core finds wrong with a page for people who do not see it, or use no mouse."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: What keeps somebody from using the page; lesser findings are advice.
SERIOUS = ("serious", "critical")


def serious_findings(page: Page) -> list[str]:
    """Each as one line: the rule, what it says, and where."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {found['help']}: {', '.join(str(node['target'][0]) for node in found['nodes'][:5])}"
        for found in violations
        if found["impact"] in SERIOUS
    ]
