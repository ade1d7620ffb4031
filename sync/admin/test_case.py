"""Test-case tests: the cases and their executions."""

from django.contrib import admin

from sync.admin import display
from sync.admin.base import missing
from sync.admin.test import OfTest
from sync.models import TestCase, TestCaseResult


@admin.register(TestCase)
class TestCaseAdmin(OfTest):
    list_display = ("testio_id", "short_title", "test", missing)
    list_display_links = ("testio_id", "short_title")
    list_only = ("testio_id", "title", "test__title", "missing_since")
    sortable_by = ()
    fieldsets = ((None, {"fields": ("testio_id", "title", "test", "feature_id", "steps_shown", "missing_since")}),)

    @admin.display(description="Title")
    def short_title(self, case: TestCase) -> str:
        return display.title(case.title, "Untitled case")

    @admin.display(description="Steps")
    def steps_shown(self, case: TestCase) -> str:
        return display.pretty_json(case.steps)


@admin.register(TestCaseResult)
class TestCaseResultAdmin(OfTest):
    list_display = ("testio_id", "test_case_id", "status_shown", "tester", "test", missing)
    list_only = ("testio_id", "test_case_id", "status", "tester", "test__title", "missing_since")
    sortable_by = ()
    fieldsets = (
        (
            None,
            {"fields": ("testio_id", "test_case_id", "status_shown", "tester", "test", "steps_shown", "missing_since")},
        ),
    )

    @admin.display(description="Status")
    def status_shown(self, result: TestCaseResult) -> str:
        return display.label(result.status, {"passed": "success", "failed": "danger"}.get(result.status, ""))

    @admin.display(description="Steps")
    def steps_shown(self, result: TestCaseResult) -> str:
        return display.pretty_json(result.steps)
