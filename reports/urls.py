"""The pages, at the root of the site."""

from django.urls import path

from reports.pages import bugs, files, overview, products, search, tests
from reports.pages.builder import catalogue, doing, mailing
from reports.pages.builder import page as builder
from reports.pages.explorer import behind
from reports.pages.explorer import page as explorer

app_name = "reports"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("products/", products.products, name="products"),
    path("products/<int:product_id>/", products.product, name="product"),
    path("tests/<int:test_id>/", tests.test, name="test"),
    path("bugs/<int:bug_id>/", bugs.bug, name="bug"),
    path("search/", search.page, name="search"),
    path("metrics/", explorer.metrics, name="metrics"),
    path("metrics/values/", explorer.values, name="metrics_values"),
    path("metrics/rows/", behind.rows, name="rows"),
    path("metrics/file/<slug:form>/", explorer.file, name="metrics_file"),
    path("reports/", catalogue.page, name="catalogue"),
    # Before the reports: none that comes with the program is called "files" or "mails", and saved ones go by their id.
    path("reports/files/", files.panel, name="files"),
    path("reports/files/<slug:run>/delete/", files.delete, name="delete_file"),
    path("reports/mails/<slug:schedule>/end/", mailing.end, name="end_schedule"),
    path("reports/<slug:name>/", builder.page, name="report"),
    path("reports/<slug:name>/files/", doing.order, name="order_file"),
    path("reports/<slug:name>/save/", doing.save, name="save_report"),
    path("reports/<slug:name>/share/", doing.share, name="share_report"),
    path("reports/<slug:name>/delete/", doing.delete, name="delete_report"),
    path("reports/<slug:name>/schedule/", doing.schedule, name="schedule_report"),
]
