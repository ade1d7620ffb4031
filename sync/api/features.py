"""The catalogue: features and their user stories."""

from typing import Any, Literal

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import Http404
from ninja import Field, Query, Router

from sync.access import Request, products, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing, age_of, products_in_scope
from sync.api.products import visible_product
from sync.models import Bug, Feature, Section, TestFeature, UserStory
from sync.schemas.features import FeatureDetail, FeaturePage, UserStoryPage

router = Router(tags=["Features"])

Sort = Literal["id", "-id", "title", "-title"]


class FeatureFilters(params.Missing, params.ListQuery):
    feature_id: params.Ids = Field([], description="Only these features.")
    section_id: params.Ids = Field([], description="Only features that these sections show.")
    search: params.Text | None = Field(None, description="Only features with this in their title, in any case.")
    has_user_stories: bool | None = Field(None, description="Only features with, or without, user stories.")
    sort: Sort = Field("id", description="`-` means descending.")


class FeatureQuery(params.OfProducts, FeatureFilters):
    pass


class UserStoryQuery(params.OfProducts, params.Missing, params.ListQuery):
    feature_id: params.Ids = Field([], description="Only stories of these features.")
    search: params.Text | None = Field(None, description="Only stories with this in their title, in any case.")
    sort: Literal["id", "-id"] = Field("id", description="`-` means descending.")


def _counted(rows: list[Document]) -> None:
    features = [row["id"] for row in rows]
    counts: dict[str, dict[Any, int]] = {
        "user_stories": _per_feature(UserStory.objects.all(), features, Count("pk")),
        "tests": _per_feature(
            TestFeature.objects.filter(test__missing_since=None), features, Count("test", distinct=True)
        ),
        "bugs": _per_feature(Bug.objects.all(), features, Count("pk")),
    }
    for row in rows:
        row |= {name: counted.get(row["id"], 0) for name, counted in counts.items()}


def _per_feature(rows: "QuerySet[Any]", features: list[int], counted: Count) -> dict[Any, int]:
    present = rows.filter(feature_id__in=features, missing_since=None).order_by()
    return dict(present.values_list("feature_id").annotate(counted=counted))


_OF_PRODUCT = {"product_id": "product_id", "product": "product__name", "customer": "product__customer__name"}

FEATURES = Listing(
    "features",
    columns={
        "id": "id",
        "title": "title",
        "description": "description",
        "howtofind": "howtofind",
        **_OF_PRODUCT,
        "missing_since": "missing_since",
        "changed_at": "changed_at",
    },
    sorts={"id": ID, "title": Column("title", str)},
    parts=("features",),
    finish=_counted,
)

_STORY = {"id": "id", "testio_id": "testio_id", "title": "title", "path": "path", "missing_since": "missing_since"}

USER_STORIES = Listing(
    "user_stories",
    columns={
        **_STORY,
        "feature_id": "feature_id",
        "feature": "feature__title",
        **{name: f"feature__{source}" for name, source in _OF_PRODUCT.items()},
    },
    sorts={"id": ID},
    parts=("features",),
)


@router.get("/features", response=documented(FeaturePage))
@reads("sync.view_feature")
def list_features(request: Request, query: Query[FeatureQuery]) -> Answer:
    """Features by their number, with how much each is used."""
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = params.of_products(request.access, _filtered(request, query), query)
    return FEATURES.page(request, query, rows, query.sort, products=scope)


@router.get("/products/{product}/features", response=documented(FeaturePage, 404))
@reads("sync.view_feature")
def list_features_of_product(request: Request, product: params.ProductId, query: Query[FeatureFilters]) -> Answer:
    """Features of one product, with how much each is used."""
    scope = visible_product(request, product)
    rows = _filtered(request, query).filter(product_id=product)
    return FEATURES.page(request, query, rows, query.sort, products=scope)


@router.get("/features/{feature}", response=documented(FeatureDetail, 404))
@reads("sync.view_feature")
def read_feature(request: Request, feature: params.FeatureId) -> Answer:
    """One feature, with its user stories and the sections that show it."""
    found = FEATURES.documents(seen(Feature.objects.filter(pk=feature), request.access, "product__customer"))
    if not found:
        raise Http404(f"There is no feature {feature} here. If it is new, sync its product first.")
    (shown,) = found
    age, stale = age_of(products(request.access).filter(pk=shown["product_id"]), FEATURES.parts)
    stories = UserStory.objects.filter(feature_id=feature).order_by("id")
    sections = Section.objects.filter(features=feature).order_by("name", "id")
    parts = {"stories": list(stories.values(*_STORY)), "sections": list(sections.values("id", "name"))}
    return Answer({**shown, **parts, **age}, stale)


@router.get("/user-stories", response=documented(UserStoryPage))
@reads("sync.view_userstory")
def list_user_stories(request: Request, query: Query[UserStoryQuery]) -> Answer:
    """User stories in the order they were first seen."""
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = params.missing(seen(UserStory.objects.all(), request.access, "feature__product__customer"), query.missing)
    rows = params.of_products(request.access, rows, query, product="feature__product")
    rows = params.narrowed(rows, feature_id__in=query.feature_id, title__icontains=query.search)
    return USER_STORIES.page(request, query, rows, query.sort, products=scope)


def _filtered(request: Request, query: FeatureFilters) -> "QuerySet[Feature]":
    rows = seen(Feature.objects.all(), request.access, "product__customer")
    rows = params.narrowed(params.missing(rows, query.missing), pk__in=query.feature_id, title__icontains=query.search)
    if query.section_id:
        shown = Feature.sections.through.objects.filter(feature=OuterRef("pk"), section_id__in=query.section_id)
        rows = rows.filter(Exists(shown))
    if query.has_user_stories is not None:
        told = Exists(UserStory.objects.filter(feature=OuterRef("pk"), missing_since=None))
        rows = rows.filter(told if query.has_user_stories else ~told)
    return rows
