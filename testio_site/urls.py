"""The addresses of the site."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from testio_site import health
from testio_site.api import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", health.health),
    path("ready", health.ready),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
]
