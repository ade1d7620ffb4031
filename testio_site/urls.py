"""The addresses of the site."""

from django.contrib import admin
from django.urls import include, path

from testio_site import health, wellknown
from testio_site.api import api
from testio_site.entrance.enrolment import second_factor_page
from testio_site.entrance.views import Enter, EnterCode

urlpatterns = [
    path("health", health.health),
    path("ready", health.ready),
    path(".well-known/security.txt", wellknown.security_txt),
    path("robots.txt", wellknown.robots_txt),
    path("favicon.ico", wellknown.favicon),
    # Before the admin's own login, whose address it keeps.
    path("admin/login/", Enter.as_view()),
    path("admin/login/code/", EnterCode.as_view(), name="login-code"),
    path("admin/two-factor/", second_factor_page, name="second-factor"),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("reports.urls")),
]
