"""The addresses of the site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from testio_site import health, wellknown
from testio_site.api import api
from testio_site.entrance.enrolment import second_factor_page
from testio_site.entrance.password import ChangePassword
from testio_site.entrance.views import Enter, EnterCode

admin.autodiscover()

urlpatterns = [
    path("health", health.health),
    path("ready", health.ready),
    path(".well-known/security.txt", wellknown.security_txt),
    path("robots.txt", wellknown.robots_txt),
    path("favicon.ico", wellknown.favicon),
    path("login/", Enter.as_view(), name="login"),
    path("login/code/", EnterCode.as_view(), name="login-code"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", ChangePassword.as_view(), name="password"),
    path("two-factor/", second_factor_page, name="second-factor"),
    # Before the admin's own, whose addresses they keep: its logout lets nobody out who is not staff.
    path("admin/login/", Enter.as_view(for_admin=True)),
    path("admin/logout/", LogoutView.as_view()),
    path("admin/two-factor/", second_factor_page),
    path("admin/", admin.site.urls),
    path("syncs/", include("testio_site.operating.syncs.urls")),
    path("start/", include("testio_site.operating.first_run.urls")),
    path("api/", api.urls),
    path("operate/", include("testio_site.operating.urls")),
    path("", include("reports.urls")),
]
