"""The addresses of the sandbox. Not part of the site: only ``sync.sandbox.service`` resolves them."""

from django.urls import include, path

from sync.sandbox import control, views

_api = [
    path("products/<int:product_id>/exploratory_tests", views.tests, name="tests"),
    path("bugs", views.bugs, name="bugs"),
    path("exploratory_tests/<int:test_id>", views.test, name="test"),
    path("products/<int:product_id>/test_case_tests/<int:test_id>/results", views.results, name="test_case_results"),
    path("products/<int:product_id>/test_case_tests/<int:test_id>", views.test_case_test, name="test_case_test"),
    path("products/<int:product_id>/sections/<int:section_id>/features", views.features, name="section_features"),
    path("products/<int:product_id>/features", views.features, name="features"),
    path("products/<int:product_id>", views.product, name="product"),
    path("products", views.products, name="products"),
    path("bugs/reject_reasons", views.reject_reasons, name="reject_reasons"),
    path("bugs/<int:bug_id>", views.bug, name="bug"),
]

_control = [
    path("stats", control.stats, name="stats"),
    path("reset", control.reset, name="reset"),
    path("faults", control.faults, name="faults"),
    path("truth", control.truth, name="truth"),
    path("break", control.break_records, name="break"),
    path("repair", control.repair, name="repair"),
    path("insert", control.insert, name="insert"),
    path("change", control.change, name="change"),
    path("delete", control.delete, name="delete"),
    path("warm", control.warm, name="warm"),
]

urlpatterns = [path("customer/v2/", include(_api)), path("_sandbox/", include(_control))]
