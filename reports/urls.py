"""The pages, at the root of the site."""

from django.urls import path

from reports.pages import bugs, overview, products, search, tests

app_name = "reports"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("products/", products.products, name="products"),
    path("products/<int:product_id>/", products.product, name="product"),
    path("tests/<int:test_id>/", tests.test, name="test"),
    path("bugs/<int:bug_id>/", bugs.bug, name="bug"),
    path("search/", search.page, name="search"),
]
