"""Bugs, the devices they were seen on, and custom reports."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.testio.payloads.reading import (
    Json,
    Record,
    flag,
    integer,
    mapping,
    mappings,
    name,
    open_payload,
    person,
    text,
    texts,
)
from sync.testio.rejection import rejection_reason

_INTERACTIONS = "plain_text_interactions"


@dataclass(slots=True)
class DeviceRecord:
    category: str
    device: str
    operating_system: str
    browsers: list[str]


@dataclass(slots=True)
class ReportRecord:
    """A custom report: its fields in order, without the long transcript, which is kept beside them."""

    configuration_id: str
    data: list[dict[str, Any]]
    plain_text_interactions: str


@dataclass(slots=True, kw_only=True)
class BugRecord(Record):
    mentioned_test_id: int | None
    test_feature_id: int | None
    test_feature_title: str
    feature_id: int | None
    title: str
    severity: str
    status: str
    known: bool
    author: str
    rejection_reason: str
    language: str
    location: str
    expected_result: str
    actual_result: str
    steps: list[str]
    reported_at: datetime | None
    exported_at: datetime | None
    devices: list[DeviceRecord] = field(default_factory=list)
    report: ReportRecord | None = None


def parse_bug(payload: object, product_id: int) -> BugRecord:
    """A bug as ``GET /bugs`` lists it; ``product_id`` (the owner of its row) is part of the fingerprint.

    ``accepted`` together with ``auto_accepted`` is stored as "auto_accepted". ``steps`` may be a list or one
    string, ``author`` and the feature null. Only a rejected bug has a rejection reason.
    """
    opened = open_payload("Bug", payload, context=(product_id,))
    source = opened.payload
    test_feature, feature = mapping(source.get("test_feature")), mapping(source.get("feature"))
    status = text(source.get("status"))
    if status == "accepted" and source.get("auto_accepted") is True:
        status = "auto_accepted"
    return BugRecord(
        id=opened.id,
        raw=opened.raw,
        fingerprint=opened.fingerprint,
        notes=opened.notes,
        mentioned_test_id=integer(mapping(source.get("test")).get("id")),
        test_feature_id=integer(test_feature.get("id")),
        test_feature_title=name(mapping(test_feature.get("feature"))) or name(test_feature) or name(feature),
        feature_id=integer(feature.get("id"))
        or integer(mapping(test_feature.get("feature")).get("id"))
        or integer(test_feature.get("feature_id")),
        title=text(source.get("title")),
        severity=text(source.get("severity")),
        status=status,
        known=flag(source.get("known")) or False,
        author=person(source.get("author")),
        rejection_reason=_rejection_reason(source) if status == "rejected" else "",
        language=name(source.get("language")),
        location=text(source.get("location")),
        expected_result=text(source.get("expected_result")),
        actual_result=text(source.get("actual_result")),
        steps=texts(source.get("steps")),
        reported_at=opened.moment("reported_at"),
        exported_at=opened.moment("exported_at"),
        devices=[_device(entry) for entry in mappings(source.get("devices"))],
        report=_report(mapping(source.get("report"))),
    )


def _rejection_reason(source: Json) -> str:
    return rejection_reason(text(comment.get("body")) for comment in mappings(source.get("comments")))


def _device(source: Json) -> DeviceRecord:
    return DeviceRecord(
        category=name(source.get("category")),
        device=name(source.get("device")) or text(source.get("name")),
        operating_system=name(source.get("operating_system")),
        browsers=texts(source.get("browsers")) or texts(source.get("browser")),
    )


def _report(source: Json) -> ReportRecord | None:
    if not source:
        return None
    content = mapping(source.get("content"))
    fields = [dict(entry) for entry in mappings(content.get("data"))]
    interactions = next((entry.get("value") for entry in fields if entry.get("key") == _INTERACTIONS), None)
    report = ReportRecord(
        configuration_id=text(source.get("custom_report_configuration_id")),
        data=[entry for entry in fields if entry.get("key") != _INTERACTIONS],
        plain_text_interactions=text(interactions if interactions is not None else content.get(_INTERACTIONS)),
    )
    return report if report.configuration_id or report.data or report.plain_text_interactions else None
