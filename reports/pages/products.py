"""The page of all products, and a product's page: its figures, its trend, its health, its gaps and its tests."""

from collections import Counter
from datetime import datetime

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone

from reports import attention, standings
from reports.own_thresholds import judged_by, thresholds_of
from reports.pages import (
    access,
    cells,
    choosing,
    figures,
    filters,
    frame,
    health,
    problem_list,
    product_table,
    product_tests,
    words,
)
from reports.pages.filters import Bar, Field
from reports.pages.frame import Crumb
from reports.pages.links import admin_row, thresholds_page
from reports.pages.product_table import WORST_FIRST, Standing
from reports.pages.tables import Sorting
from reports.standings import BEFORE, NOW, OnFeature, Question
from reports.thresholds import Health
from sync import access as visible
from sync import freshness
from sync.access import Request
from sync.models import Product

_FEATURES = 8


@access.page("sync.view_product")
def products(request: Request) -> HttpResponse:
    who, now, query = access.of(request), timezone.now(), request.GET
    chosen = choosing.chosen(request.path, query, now.date())
    rows = list(visible.products(who).select_related("customer__thresholds").filter(missing_since=None))
    customers = sorted({row.customer.name for row in rows})
    found = standings.figures_of(Question([row.pk for row in rows], chosen.period, chosen.buckets[-1:]))
    bar = _bar(request, customers)
    sorting = Sorting.read(query.get("sort", ""), product_table.COLUMNS, WORST_FIRST)
    wanted = [row for row in product_table.standings(rows, found) if _is_wanted(row, bar)]
    shown = product_table.arranged(wanted, sorting)
    ages = [freshness.of(row, now=now) for row in rows]
    return frame.show(
        request,
        "reports/products.html",
        "Products",
        freshness=freshness.oldest((age.data_as_of for age in ages), now=now) if ages else None,
        period_words=chosen.words,
        periods=chosen.choice,
        filters=bar,
        table=product_table.sortable_table(shown, now, sorting, request.path, query, customers=len(customers) > 1),
        sentence=_shown_of(len(shown), len(rows)),
        judged_by=judged_by(row.product.customer for row in shown),
        nothing=_nothing(bar, any_product=bool(rows)),
    )


def _bar(request: Request, customers: list[str]) -> Bar:
    query = request.GET
    fields = [
        Field("q", "Name", filters.text(query, "q"), hint="Part of a name, or an id", is_wide=True),
        Field(
            "health",
            "Health",
            filters.one_of(query, "health", list(Health)),
            [(each.value, health.WORDS[each]) for each in health.ORDER],
        ),
    ]
    if len(customers) > 1:
        chosen = filters.one_of(query, "customer", customers)
        fields.append(Field("customer", "Customer", chosen, [(name, name) for name in customers]))
    return Bar("products", request.path, fields, filters.kept(query, "days", "sort"))


def _is_wanted(row: Standing, bar: Bar) -> bool:
    chosen = {field.name: field.value for field in bar.fields}
    text = chosen["q"].lower()
    return (
        (not text or text in row.product.name.lower() or text == str(row.product.pk))
        and chosen["health"] in ("", row.health)
        and chosen.get("customer", "") in ("", row.product.customer.name)
    )


def _shown_of(shown: int, total: int) -> str:
    return words.plural(total, "product") if shown == total else f"{shown} of {words.plural(total, 'product')}"


def _nothing(bar: Bar, *, any_product: bool) -> dict[str, str]:
    if any_product:
        text = "Change the filters, or take them away to see all products."
        return {"title": "No product fits", "text": text, "url": bar.reset_url, "link": "Show all"}
    return {
        "title": "No product yet",
        "text": "Products appear here after the first sync of a customer you are a member of.",
    }


@access.page("sync.view_product")
def product(request: Request, product_id: int) -> HttpResponse:
    who, now = access.of(request), timezone.now()
    row = visible.products(who).select_related("customer__thresholds").filter(pk=product_id).first()
    if row is None:
        raise Http404(f"There is no product {product_id} here, or you may not see it.")
    chosen = choosing.chosen(request.path, request.GET, now.date())
    found = standings.figures_of(Question([row.pk], chosen.period, chosen.buckets, chosen.weekly, by_feature=True))
    tally, thresholds = found.of_period(NOW), thresholds_of(row)
    problems = attention.problems(who, product_ids=[row.pk])
    trend = found.by_bucket(chosen.buckets)
    return frame.show(
        request,
        "reports/product.html",
        cells.product_name(row),
        above=[Crumb("Products", reverse("reports:products"))],
        freshness=_freshness(row, now),
        badges=[health.badge(thresholds.overall(tally.bugs.rates())), *([cells.GONE] if row.missing_since else ())],
        facts=_facts(row),
        admin_url=admin_row(who, row),
        judged_by=judged_by([row.customer]),
        thresholds_url=thresholds_page(who, row.customer),
        periods=chosen.choice,
        period_words=chosen.words,
        period_short=chosen.short,
        stats=figures.stats(tally, found.of_period(BEFORE), thresholds),
        months=figures.volume(trend, chosen.buckets, weekly=chosen.weekly),
        rates=figures.outcomes(trend, chosen.buckets, weekly=chosen.weekly),
        gauges=health.gauges(tally.bugs, thresholds),
        features=_features(found.bugs_by_feature(NOW)),
        problems=problem_list.lines(problems, who, now, named=False),
        problems_note=problem_list.note(problems),
        **product_tests.context(request, row),
    )


def _freshness(row: Product, now: datetime) -> freshness.Freshness:
    fresh = freshness.of(row, now=now)
    if fresh.stale:
        freshness.request_refresh(row.pk)
    return fresh


def _facts(row: Product) -> str:
    kind = words.spaced(row.product_type) if row.product_type else ""
    return ", ".join(filter(None, (f"Product {row.pk}", kind, row.customer.name)))


def _features(counts: Counter[OnFeature | None]) -> list[dict[str, object]]:
    """The features with most bugs; bugs without one are a line like any other."""
    most = [(feature, bugs) for feature, bugs in counts.most_common(_FEATURES) if bugs]
    largest = max((bugs for _, bugs in most), default=0)
    return [
        {"title": _name(feature), "bugs": bugs, "percent": round(bugs / largest * 100, 1)} for feature, bugs in most
    ]


def _name(feature: OnFeature | None) -> str:
    return cells.title(feature.title, f"Feature {feature.id}", 80) if feature else "(none)"
