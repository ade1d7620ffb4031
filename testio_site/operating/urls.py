"""The addresses below ``/operate/``."""

from django.urls import path

from testio_site.operating.audit import page as audit
from testio_site.operating.home import actions, page

app_name = "operating"

urlpatterns = [
    path("", page.page, name="home"),
    path("moving/", page.moving, name="moving"),
    path("events/<slug:event>/retry/", actions.retry, name="retry"),
    path("customers/<int:customer>/resume/", actions.resume, name="resume"),
    path("products/refresh/", actions.refresh_all, name="refresh_all"),
    path("products/<int:product>/refresh/", actions.refresh, name="refresh"),
    path("runs/<slug:run>/again/", actions.again, name="again"),
    path("runs/<slug:run>/cancel/", actions.cancel, name="cancel"),
    path("audit/", audit.page, name="audit"),
    path("audit/file/<slug:form>/", audit.file, name="audit_file"),
]
