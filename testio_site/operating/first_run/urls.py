"""Addresses of the first run, below ``/start/``: a page for each step, and beside it what its form does."""

from django.urls import path

from testio_site.operating.first_run import naming, products, syncing, token

app_name = "first-run"

urlpatterns = [
    path("", naming.begin, name="begin"),
    path("name/", naming.page, name="name"),
    path("name/save/", naming.save, name="save-name"),
    path("token/", token.page, name="token"),
    path("token/save/", token.save, name="save-token"),
    path("products/", products.page, name="products"),
    path("products/save/", products.save, name="save-products"),
    path("sync/", syncing.page, name="sync"),
    path("sync/now/", syncing.start, name="start"),
    path("result/", syncing.result, name="result"),
]
