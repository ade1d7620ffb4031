"""The reports that come with the program. A new one is a module here that ends in a ``REPORT``, and a line below."""

from reports.builtin import (
    bugs,
    custom_reports,
    custom_summary,
    freshness,
    gaps,
    metrics,
    quality,
    test_case_results,
    tests,
)

REPORTS = (
    quality.REPORT,
    metrics.REPORT,
    bugs.REPORT,
    tests.REPORT,
    gaps.REPORT,
    freshness.REPORT,
    custom_reports.REPORT,
    custom_summary.REPORT,
    test_case_results.REPORT,
)
