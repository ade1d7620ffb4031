"""Addresses of the syncs, below ``/syncs/``."""

from django.urls import path

from testio_site.operating.syncs import begin, listing, page, progress

app_name = "syncs"

urlpatterns = [
    path("", listing.page, name="list"),
    # Before the runs, whose ids begin with "run_".
    path("start/", begin.page, name="start"),
    path("start/now/", begin.order, name="order"),
    path("<slug:run>/", page.page, name="run"),
    path("<slug:run>/progress/", progress.panel, name="progress"),
    path("<slug:run>/cancel/", page.cancel, name="cancel"),
]
