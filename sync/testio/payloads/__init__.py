"""TestIO's JSON, read into typed records. No database, no network.

Every parser is total: whatever arrives becomes a record, or one ``Unstorable`` that names the id and the
reason. Oddities are absorbed here and nowhere else; what had to be altered to be storable is said in the
record's ``notes``.
"""

from sync.testio.payloads.bug import BugRecord, DeviceRecord, ReportRecord, parse_bug
from sync.testio.payloads.product import (
    FeatureRecord,
    ProductRecord,
    SectionRecord,
    StoryRecord,
    parse_feature,
    parse_product,
)
from sync.testio.payloads.reading import Json, JsonText, Unstorable, identity
from sync.testio.payloads.test import PlatformRecord, TestFeatureRecord, TestRecord, parse_test
from sync.testio.payloads.test_case import CaseRecord, ResultRecord, parse_case, parse_result

__all__ = [
    "BugRecord",
    "CaseRecord",
    "DeviceRecord",
    "FeatureRecord",
    "Json",
    "JsonText",
    "PlatformRecord",
    "ProductRecord",
    "ReportRecord",
    "ResultRecord",
    "SectionRecord",
    "StoryRecord",
    "TestFeatureRecord",
    "TestRecord",
    "Unstorable",
    "identity",
    "parse_bug",
    "parse_case",
    "parse_feature",
    "parse_product",
    "parse_result",
    "parse_test",
]
