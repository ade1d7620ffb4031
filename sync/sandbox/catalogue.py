"""Products, their sections, features and user stories: made once per world, and written as TestIO's JSON."""

from collections.abc import Iterable

from sync.sandbox import phrases
from sync.sandbox.hashing import FEATURE, PRODUCT, STORY, mix
from sync.sandbox.records import Feature, Ids, Json, Product
from sync.sandbox.texts import ODD, ODD_TEXTS

PLAIN, SECTIONED, SECTIONED_BY_DEFAULT, BARE = range(4)

_NUMBERS_PER_PRODUCT = 30


def make_product(seed: int, ids: Ids, number: int) -> Product:
    """The product of this number, with 8 to 22 features in its catalogue and two that it no longer shows."""
    name, kind, description = phrases.PRODUCTS[number % len(phrases.PRODUCTS)]
    lap = number // len(phrases.PRODUCTS)
    layout = number % 4
    default = None if layout == BARE else (ids.section(number, 0), "Default section")
    product = Product(
        id=ids.product(number),
        number=number,
        name=f"{name} {lap + 1}" if lap else name,
        kind=kind,
        description=description,
        default_section=default,
        sections=_sections(ids, number, layout),
        features=[],
    )
    shown = 8 + mix(seed, PRODUCT, number) % 15
    product.features = [_make_feature(seed, ids, product, index) for index in range(shown)]
    product.features += [_make_retired_feature(ids, product, shown + index, index) for index in range(2)]
    return product


def _sections(ids: Ids, number: int, layout: int) -> tuple[tuple[int, str], ...]:
    if layout == SECTIONED:
        return tuple((ids.section(number, 1 + index), name) for index, name in enumerate(phrases.SECTIONS))
    if layout == SECTIONED_BY_DEFAULT:
        return ((ids.section(number, 1), "Größe & <b>Rest</b> 🧵"),)
    return ()


def _make_feature(seed: int, ids: Ids, product: Product, index: int) -> Feature:
    number = product.number * _NUMBERS_PER_PRODUCT + index
    bits = mix(seed, FEATURE, number)
    title, description, howtofind = phrases.FEATURES[index]
    if index == 3 and product.number % 4 == 2:
        title = ODD_TEXTS["nul"]
    if index == 4 and product.number % 4 == 1:
        title = ODD_TEXTS["padded"]
    return Feature(
        id=ids.feature(number),
        title=title,
        snapshot_title=title,
        description=ODD[number % len(ODD)] if index % 7 == 5 else description,
        howtofind=ODD[(number + 7) % len(ODD)] if index % 7 == 6 else howtofind,
        stories=_stories(seed, ids, number, index),
        section_ids=() if product.sections and index == 2 else _feature_sections(product, bits),
    )


def _stories(seed: int, ids: Ids, feature_number: int, index: int) -> tuple[tuple[int, str], ...]:
    """No, one or several user stories; the second feature of a product has odd ones, one of them empty."""
    bits = mix(seed, STORY, feature_number)
    count = 3 if index == 1 else bits % 5
    texts = [phrases.STORIES[((bits >> 8) + each) % len(phrases.STORIES)] for each in range(count)]
    if index == 1:
        texts[1:] = [ODD[feature_number // _NUMBERS_PER_PRODUCT % len(ODD)], ""]
    return tuple((ids.story(feature_number, each), text) for each, text in enumerate(texts))


def _feature_sections(product: Product, bits: int) -> tuple[int, ...]:
    """Which sections show the feature: usually several, now and then none, only the product's own list."""
    everything = [section_id for section_id, _ in section_list(product)]
    if not product.sections:
        return tuple(everything)
    if bits % 8 == 0:
        return ()
    return tuple(section_id for index, section_id in enumerate(everything) if bits >> (4 + index) & 1) or (
        everything[-1],
    )


def _make_retired_feature(ids: Ids, product: Product, position: int, index: int) -> Feature:
    """A feature that tests of the past mention and the catalogue no longer has."""
    title, description, howtofind = phrases.FEATURES[23 + index]
    feature_id = ids.feature(product.number * _NUMBERS_PER_PRODUCT + position)
    return Feature(feature_id, title, title, description, howtofind, (), (), gone=True)


def section_list(product: Product) -> list[tuple[int, str]]:
    """Every section that has an address of its own: the default one first."""
    return [*([product.default_section] if product.default_section else []), *product.sections]


def product_payload(product: Product) -> Json:
    """The product in one of the four shapes TestIO uses, by its ``layout``.

    ``PLAIN``: a lone default section. ``SECTIONED``: sections, and the default one beside them.
    ``SECTIONED_BY_DEFAULT``: ``sections`` empty, several in ``sections_with_default``; named by ``title`` and
    ``product_type`` as on creation. ``BARE``: no default section, no ``sections_with_default``.
    """
    named = [{"id": section_id, "name": name} for section_id, name in product.sections]
    default = product.default_section
    with_default = [{"id": default[0], "name": default[1]}, *named] if default else []
    payload: Json = {"id": product.id}
    if product.layout == SECTIONED_BY_DEFAULT:
        payload |= {"title": product.name, "product_type": product.kind}
    else:
        payload |= {"name": product.name, "type": product.kind}
    payload |= {
        "description": product.description,
        "default_section_id": default[0] if default else None,
        "sections": named if product.layout == SECTIONED else [],
        "connection": {"id": product.id, "type": "jira", "name": "Jira"} if product.layout == SECTIONED else None,
    }
    if product.layout != BARE:
        payload["sections_with_default"] = with_default
    return payload | product.changes


def feature_payloads(features: Iterable[Feature], *, expanded: bool) -> list[Json]:
    return [_feature_payload(feature, expanded) for feature in features if not feature.gone]


def _feature_payload(feature: Feature, expanded: bool) -> Json:
    return {
        "id": feature.id,
        "title": feature.title,
        "description": feature.description,
        "howtofind": feature.howtofind,
        "user_stories": story_payloads(feature, expanded=expanded),
    }


def story_payloads(feature: Feature, *, expanded: bool) -> list[Json] | list[str]:
    """Plain strings, or with ``includes[]=user_stories`` objects."""
    if not expanded:
        return [text for _, text in feature.stories]
    return [
        {"id": story_id, "path": text, "title": text, "feature_id": feature.id} for story_id, text in feature.stories
    ]
