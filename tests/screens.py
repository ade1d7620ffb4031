"""The main screens: where they are, for the checks that all of them pass, and for the pictures of the guide.

``make screens`` syncs a simulated company and photographs its main screens into ``docs/screens``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from problematic.models import ProblematicEvent
from sync.models import Bug, Product, SyncEvent, Test


@dataclass(frozen=True, slots=True)
class Screen:
    """``address`` is asked when the data is there; ``width`` in pixels and ``dark`` are how it is photographed, if the
    guide shows it."""

    name: str
    address: Callable[[], str]
    width: int = 1280
    dark: bool = False
    in_guide: bool = True


def _largest_product() -> Product:
    return max(Product.objects.all(), key=lambda product: product.tests.count())


def _test_with_bugs() -> Test:
    ended = Test.objects.filter(status="locked", end_at__isnull=False, missing_since=None).order_by("-end_at", "pk")[
        :40
    ]
    return max(ended, key=lambda test: test.bugs.count())


def _event() -> ProblematicEvent:
    return ProblematicEvent.objects.open().order_by("product_id", "first_position")[0]


SCREENS = (
    Screen("overview", lambda: "/"),
    Screen("home", lambda: "/operate/"),
    Screen("product-dark", lambda: f"/products/{_largest_product().pk}/", dark=True),
    Screen("test", lambda: f"/tests/{_test_with_bugs().pk}/"),
    Screen("metrics", lambda: "/metrics/?measure=bugs&measure=rejection&rows=product&columns=severity"),
    Screen("quality", lambda: f"/reports/quality/?set=1&product_id={_largest_product().pk}"),
    Screen("search", lambda: "/search/?q=checkout"),
    Screen("problems", lambda: "/admin/problematic/problematicevent/"),
    Screen("event", lambda: f"/admin/problematic/problematicevent/{_event().pk}/change/"),
    Screen("sync", lambda: f"/syncs/{SyncEvent.objects.latest('started_at').public_id}/"),
    Screen("start-sync", lambda: "/syncs/start/"),
    Screen("audit", lambda: "/operate/audit/"),
    Screen("reports", lambda: "/reports/", in_guide=False),
    Screen("bugs", lambda: "/admin/sync/bug/", dark=True),
    Screen("bug", lambda: f"/admin/sync/bug/{Bug.objects.latest('pk').pk}/change/", in_guide=False),
    Screen("phone", lambda: "/", width=390),
)
