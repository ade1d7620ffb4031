"""The first page: how healthy the products are, where it leads, how fresh it all is, and what is wrong."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from problematic.models import ProblematicEvent
from reports import attention, standings
from reports.attention import Run
from reports.own_thresholds import judged_by
from reports.pages import access, cells, choosing, figures, frame, problem_list, product_table, words
from reports.pages.filters import kept
from reports.pages.links import admin_list, admin_row, may_see_in_admin
from reports.pages.parts import Notice
from reports.pages.product_table import WORST_FIRST
from reports.pages.tables import Cell, Column, Table
from reports.standings import BEFORE, NOW, Question
from sync import access as visible
from sync import freshness
from sync.access import Access, Request
from sync.freshness import Freshness
from sync.models import Customer, Product, SyncEvent

#: Products in the table of health: the worst ones; the page of products has all.
SHOWN = 10

_RUN_COLUMNS = (
    Column("Started"),
    Column("Outcome"),
    Column("New tests", is_number=True),
    Column("New bugs", is_number=True),
    Column("Gaps", is_number=True),
)


@access.page("sync.view_product")
def overview(request: Request) -> HttpResponse:
    who, now = access.of(request), timezone.now()
    chosen = choosing.chosen(request.path, request.GET, now.date())
    everything = list(visible.products(who).select_related("customer__thresholds").filter(missing_since=None))
    if not everything and who.may("sync.add_customer") and not Customer.objects.exists():
        return HttpResponseRedirect(reverse("first-run:begin"))
    customers = {product.customer.name: product.customer for product in everything}
    customer = request.GET.get("customer", "")
    products = [each for each in everything if each.customer.name == customer] if customer in customers else everything
    ids = [product.pk for product in products]
    found = standings.figures_of(Question(ids, chosen.period, chosen.buckets, chosen.weekly))
    rows = product_table.arranged(product_table.standings(products, found), WORST_FIRST)
    problems = attention.problems(who, product_ids=ids if customer in customers else None)
    trend = found.by_bucket(chosen.buckets)
    return frame.show(
        request,
        "reports/overview.html",
        "Overview",
        freshness=_freshness(products, now),
        notices=_notices(customers.values(), who),
        has_products=bool(everything),
        nothing=_nothing(who),
        customers=sorted(customers) if len(customers) > 1 else [],
        chosen_customer=customer,
        kept=kept(request.GET, "days"),
        period_words=chosen.words,
        periods=chosen.choice,
        stats=figures.stats(found.of_period(NOW), found.of_period(BEFORE)),
        health=product_table.table(rows[:SHOWN], now, customers=len(customers) > 1),
        more=len(rows) - SHOWN,
        judged_by=judged_by(product.customer for product in products),
        volume=figures.volume(trend, chosen.buckets, weekly=chosen.weekly),
        outcomes=figures.outcomes(trend, chosen.buckets, weekly=chosen.weekly),
        problems=problem_list.lines(problems, who, now),
        problems_note=problem_list.note(problems),
        problems_url=admin_list(who, ProblematicEvent),
        runs=_runs(attention.last_runs(who, now), who, now),
        runs_url=admin_list(who, SyncEvent),
    )


def _freshness(products: Sequence[Product], now: datetime) -> Freshness | None:
    """How fresh all of it is; what is stale is asked for again, in the background."""
    if not products:
        return None
    each = {product.pk: freshness.of(product, now=now) for product in products}
    freshness.request_refresh(*(pk for pk, fresh in each.items() if fresh.stale))
    return freshness.oldest((fresh.data_as_of for fresh in each.values()), now=now)


def _notices(customers: Iterable[Customer], who: Access) -> list[Notice]:
    """Customers whose data grows old because their refresh is paused."""
    return [
        Notice(f"{each.name} is not refreshed: {each.paused_reason}", "warn", admin_row(who, each), "Look at it.")
        for each in customers
        if each.paused_at
    ]


def _nothing(who: Access) -> dict[str, str]:
    """What to do where there is no product."""
    if who.may("sync.add_customer") and Customer.objects.count() == 1:
        text = "The first customer is being set up: once it was synced, its products appear here."
        return {"text": text, "url": reverse("first-run:begin"), "link": "Go on with it"}
    if may_see_in_admin(who, Customer):
        text = "Add a customer with the token of its TestIO account, then sync it: its products appear here."
        return {"text": text, "url": reverse("admin:sync_customer_changelist"), "link": "Customers"}
    return {"text": "You are no member of a customer with products yet. Ask an administrator to make you one."}


def _runs(runs: Sequence[Run], who: Access, now: datetime) -> Table:
    return Table("Last syncs", _RUN_COLUMNS, [_run(run, who, now) for run in runs])


def _run(run: Run, who: Access, now: datetime) -> list[Cell]:
    event = run.event
    status = cells.run_status(event.status)
    return [
        Cell(
            words.ago(event.started_at, now),
            admin_row(who, event),
            note=f"{event.customer.name}, {event.get_mode_display().lower()}, {words.duration(run.seconds)}",
        ),
        status,
        Cell(words.count(event.tests_new)),
        Cell(words.count(event.bugs_new)),
        Cell(words.count(event.gaps), tone="warn" if event.gaps else ""),
    ]
