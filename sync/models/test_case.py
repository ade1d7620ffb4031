"""Test-case tests: what was to be checked, and each tester's execution of it."""

from django.db import models

from sync.models.payload import Received
from sync.models.test import Test


class TestCase(models.Model):
    """A definition: one case of a test-case test."""

    test = models.ForeignKey(Test, on_delete=models.CASCADE, related_name="test_cases", db_index=False)
    testio_id = models.BigIntegerField()
    title = models.TextField(blank=True, default="")
    feature_id = models.BigIntegerField(null=True, blank=True)
    steps = models.JSONField(default=list, decoder=Received)
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("test", "testio_id")
        constraints = (models.UniqueConstraint(fields=["test", "testio_id"], name="testcase_once_per_test"),)

    def __str__(self) -> str:
        return self.title or f"Case {self.testio_id}"


class TestCaseResult(models.Model):
    """An execution: one tester's run through one case."""

    test = models.ForeignKey(Test, on_delete=models.CASCADE, related_name="test_case_results", db_index=False)
    testio_id = models.BigIntegerField()
    test_case_id = models.BigIntegerField(null=True, blank=True)
    status = models.TextField(blank=True, default="")
    tester = models.TextField(blank=True, default="")
    steps = models.JSONField(default=list, decoder=Received)
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("test", "testio_id")
        constraints = (models.UniqueConstraint(fields=["test", "testio_id"], name="testcaseresult_once_per_test"),)

    def __str__(self) -> str:
        return f"{self.status} by {self.tester or 'unknown'}"
