"""Products, their sections, features and user stories."""

import hashlib
from dataclasses import dataclass, field

from sync.testio.payloads.reading import Json, Record, integer, mapping, mappings, name, open_payload, text


@dataclass(slots=True)
class SectionRecord:
    id: int
    name: str


@dataclass(slots=True, kw_only=True)
class ProductRecord(Record):
    name: str
    product_type: str
    description: str
    is_sectioned: bool
    sections: list[SectionRecord] = field(default_factory=list)


@dataclass(slots=True)
class StoryRecord:
    """A user story; ``key`` finds it again whether TestIO sends it with an id or as a bare string."""

    key: str
    testio_id: int | None
    title: str
    path: str


@dataclass(slots=True, kw_only=True)
class FeatureRecord(Record):
    title: str
    description: str
    howtofind: str
    stories: list[StoryRecord] = field(default_factory=list)


def parse_product(payload: object) -> ProductRecord:
    """One entry of ``GET /products``.

    The name is ``name``, or ``title`` as the creation call says. A product is sectioned when ``sections`` has any or
    ``sections_with_default`` more than one, and then has the sections of both; a lone default section means a plain
    product.
    """
    opened = open_payload("Product", payload)
    source = opened.payload
    sections = _sections(source)
    return ProductRecord(
        id=opened.id,
        raw=opened.raw,
        fingerprint=opened.fingerprint,
        notes=opened.notes,
        name=text(source.get("name")) or text(source.get("title")),
        product_type=text(source.get("type")) or text(source.get("product_type")),
        description=text(source.get("description")),
        is_sectioned=bool(sections),
        sections=sections,
    )


def parse_feature(payload: object, product_id: int) -> FeatureRecord:
    """One entry of ``GET /products/{id}/features``; user stories are strings or objects with an id."""
    opened = open_payload("Feature", payload, context=(product_id,))
    source = opened.payload
    stories = source.get("user_stories")
    return FeatureRecord(
        id=opened.id,
        raw=opened.raw,
        fingerprint=opened.fingerprint,
        notes=opened.notes,
        title=text(source.get("title")) or text(source.get("name")),
        description=text(source.get("description")),
        howtofind=text(source.get("howtofind")),
        stories=[_story(story) for story in stories if name(story)] if isinstance(stories, list) else [],
    )


def _sections(source: Json) -> list[SectionRecord]:
    own = _section_list(source.get("sections"))
    # The default section is a section like any other as soon as there are others: tests say they belong to it.
    every = {**_section_list(source.get("sections_with_default")), **own}
    return list(every.values()) if own or len(every) > 1 else []


def _section_list(value: object) -> dict[int, SectionRecord]:
    return {
        section_id: SectionRecord(section_id, name(entry))
        for entry in mappings(value)
        if (section_id := integer(entry.get("id")))
    }


def _story(story: object) -> StoryRecord:
    fields, title = mapping(story), name(story)
    testio_id = integer(fields.get("id"))
    key = str(testio_id) if testio_id else f"t:{hashlib.blake2b(title.encode(), digest_size=16).hexdigest()}"
    return StoryRecord(key, testio_id, title, text(fields.get("path")))
