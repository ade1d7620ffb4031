"""Tests, with the features they cover and the platforms they ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sync.testio.payloads.product import SectionRecord
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

#: What only a test's own address shows [doc]: figures we count ourselves. Without them a test reads the same from
#: either place, so asking for a test by itself does not look like a change.
_ONLY_AT_ITS_ADDRESS = frozenset({"analytics"})
_FEATURE_FIGURES = frozenset({"execution_status", "tester_count", "bugs_found", "bug_ids"})
_STORY_FIGURES = frozenset({"execution_status", "tested_by_count", "bugs_found", "bug_ids", "user_story_version_id"})


@dataclass(slots=True)
class TestFeatureRecord:
    """The test's copy of a feature: ``id`` is the copy's, ``feature_id`` the catalogue's (None when not sent)."""

    id: int
    feature_id: int | None
    title: str
    description: str
    howtofind: str
    user_stories: list[str]
    enable_default: bool
    enable_content: bool
    enable_visual: bool


@dataclass(slots=True)
class PlatformRecord:
    category: str
    category_key: str
    operating_system: str
    operating_system_id: int | None
    min_version: str
    max_version: str
    browsers: list[str]
    devices: list[str]


@dataclass(slots=True, kw_only=True)
class TestRecord(Record):
    section: SectionRecord | None
    title: str
    status: str
    review_status: str
    testing_type: str | None
    start_at: datetime | None
    end_at: datetime | None
    goal: str
    instructions: str
    out_of_scope: str
    environment_id: int | None
    environment_title: str
    enable_low: bool | None
    enable_high: bool | None
    enable_critical: bool | None
    is_demo: bool
    created_by: str
    submitted_by: str
    product_id: int | None
    test_features: list[TestFeatureRecord] = field(default_factory=list)
    platforms: list[PlatformRecord] = field(default_factory=list)


def parse_test(payload: object, product_id: int) -> TestRecord:
    """A test as ``GET …/exploratory_tests`` lists it or as its own address shows it (envelope taken off).

    Both give the same record, fingerprint included. ``product_id`` is the product whose list it came from and part
    of the fingerprint; the record's own ``product_id`` is what the payload says (None when silent). A null
    ``testing_type`` is a test-case test. Plain text is preferred to markdown or HTML. Of the environment only id
    and title are read.
    """
    opened = open_payload("Test", _as_listed(payload), context=(product_id,))
    source = opened.payload
    environment = mapping(source.get("test_environment"))
    return TestRecord(
        id=opened.id,
        raw=opened.raw,
        fingerprint=opened.fingerprint,
        notes=opened.notes,
        section=_section(mapping(source.get("section"))),
        title=text(source.get("title")) or text(source.get("test_title")),
        status=text(source.get("status")),
        review_status=text(source.get("review_status")),
        testing_type=text(source.get("testing_type")) or None,
        start_at=opened.moment("start_at"),
        end_at=opened.moment("end_at"),
        goal=text(source.get("goal_text")) or text(source.get("goal")),
        instructions=text(source.get("instructions_text")) or text(source.get("instructions")),
        out_of_scope=text(source.get("out_of_scope_text")) or text(source.get("out_of_scope")),
        environment_id=integer(environment.get("id")),
        environment_title=text(environment.get("title")),
        enable_low=flag(source.get("enable_low")),
        enable_high=flag(source.get("enable_high")),
        enable_critical=flag(source.get("enable_critical")),
        is_demo=flag(source.get("demo")) or False,
        created_by=person(source.get("created_by")),
        submitted_by=person(source.get("submitted_by")),
        product_id=integer(mapping(source.get("product")).get("id")),
        test_features=_test_features(source.get("features")),
        platforms=[_platform(entry) for entry in mappings(source.get("requirements"))],
    )


def _as_listed(payload: object) -> object:
    """The test as the list shows it: without what only its own address adds."""
    return _without(payload, _ONLY_AT_ITS_ADDRESS, features=_feature_as_listed)


def _feature_as_listed(feature: object) -> object:
    return _without(feature, _FEATURE_FIGURES, user_stories=lambda story: _without(story, _STORY_FIGURES))


def _without(value: object, keys: frozenset[str], **inner: Callable[[object], object]) -> object:
    """``value`` without ``keys``; ``inner`` names lists in it and what to do with each of their entries."""
    if not isinstance(value, dict):
        return value
    kept = {key: entry for key, entry in value.items() if key not in keys}
    for key, change in inner.items():
        if isinstance(entries := kept.get(key), list):
            kept[key] = [change(entry) for entry in entries]
    return kept


def _section(source: Json) -> SectionRecord | None:
    section_id = integer(source.get("id"))
    return SectionRecord(section_id, name(source)) if section_id else None


def _test_features(value: object) -> list[TestFeatureRecord]:
    found = {copy_id: entry for entry in mappings(value) if (copy_id := integer(entry.get("id")))}
    return [_test_feature(copy_id, entry) for copy_id, entry in found.items()]


def _test_feature(copy_id: int, source: Json) -> TestFeatureRecord:
    return TestFeatureRecord(
        id=copy_id,
        feature_id=integer(source.get("feature_id")),
        title=name(source),
        description=text(source.get("description")),
        howtofind=text(source.get("howtofind")),
        user_stories=texts(source.get("user_stories")),
        enable_default=flag(source.get("enable_default")) or False,
        enable_content=flag(source.get("enable_content")) or False,
        enable_visual=flag(source.get("enable_visual")) or False,
    )


def _platform(source: Json) -> PlatformRecord:
    category, system = mapping(source.get("category")), mapping(source.get("operating_system"))
    return PlatformRecord(
        category=name(source.get("category")),
        category_key=text(category.get("key")),
        operating_system=name(source.get("operating_system")),
        operating_system_id=integer(system.get("id")),
        min_version=name(source.get("min_operating_system_version")),
        max_version=name(source.get("max_operating_system_version")),
        browsers=texts(source.get("browsers")),
        devices=texts(source.get("devices")),
    )
