"""TestIO's customer API as far as we read it: one view an address, each answering from the world."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain

import orjson
from django.http import HttpResponse

from sync.sandbox.hashing import SHUFFLE, T, mix
from sync.sandbox.records import Json, Unknown
from sync.sandbox.service import JSON_TYPE, SandboxRequest, Spoiled, Unreadable
from sync.sandbox.texts import REASON_TITLES, REJECTIONS

DEFAULT_PER_PAGE = 25
UNPAGED = 150


def products(request: SandboxRequest) -> HttpResponse:
    world = request.sandbox.world
    wanted = _ids(request, "filter[product_ids]", "filter[product_ids][]")
    product_ids = [each for each in world.product_ids() if wanted is None or each in wanted]
    shown = _reshaped(request, "products", product_ids)
    return _json({"products": [world.product_payload(product_id) for product_id in shown]})


def product(request: SandboxRequest, product_id: int) -> HttpResponse:
    return _json({"product": request.sandbox.world.product_payload(product_id)})


def features(request: SandboxRequest, product_id: int, section_id: int | None = None) -> HttpResponse:
    payloads = request.sandbox.world.feature_payloads(
        product_id, section_id=section_id, include_user_stories=_expanded(request)
    )
    return _json({"features": _reshaped(request, "features", payloads)})


def tests(request: SandboxRequest, product_id: int) -> HttpResponse:
    """One page of the product's list; a page with an unreadable record on it is a 500."""
    sandbox = request.sandbox
    shown = _page(request, _ordered(request, sandbox.world.list_order(product_id)))
    if not sandbox.world.broken_tests.isdisjoint(shown):
        raise Unreadable
    expanded = _expanded(request)
    return _joined(b"exploratory_tests", shown, partial(sandbox.shelf.test, expanded=expanded))


def test(request: SandboxRequest, test_id: int) -> HttpResponse:
    world = request.sandbox.world
    payload = world.test_payload(test_id, detail=True, include_user_stories=_expanded(request))
    if test_id in world.broken_tests:
        raise Unreadable
    return _json({"exploratory_test": payload})


def bugs(request: SandboxRequest) -> HttpResponse:
    """All bugs of the tests asked for, in one answer, however many that are."""
    sandbox = request.sandbox
    asked = _tests_asked_for(request)
    limit = sandbox.faults.bug_query_limit
    if limit is not None and len(asked) > limit:
        raise Spoiled(sandbox.faults.bug_query_outcome)
    if not sandbox.world.tests_with_broken_bugs.isdisjoint(asked):
        raise Unreadable
    export_status = request.GET.get("export_status")
    if export_status or sandbox.faults.halved:
        found = [bug for test_id in asked for bug in sandbox.world.bug_payloads(test_id)]
        found = [bug for bug in found if export_status in (None, _export_status(bug))]
        return _json({"bugs": _reshaped(request, "bugs", found)})
    shown = _reshaped(request, "bugs", asked)
    return _joined(b"bugs", shown, sandbox.shelf.bugs)


def bug(request: SandboxRequest, bug_id: int) -> HttpResponse:
    world = request.sandbox.world
    payload = world.bug_payload(bug_id)
    if bug_id in world.broken_bugs:
        raise Unreadable
    return _json({"bug": payload})


def reject_reasons(_request: SandboxRequest) -> HttpResponse:
    """A bare array."""
    reasons = [{"key": key, "title": REASON_TITLES[key], "default_comment": text} for key, text in REJECTIONS.items()]
    return _json(reasons)


def test_case_test(request: SandboxRequest, product_id: int, test_id: int) -> HttpResponse:
    world = request.sandbox.world
    payload = world.test_case_payload(_test_of(request, product_id, test_id))
    if test_id in world.broken_tests:
        raise Unreadable
    return _json({"test_case_test": payload})


def results(request: SandboxRequest, product_id: int, test_id: int) -> HttpResponse:
    """A bare array."""
    return _json(request.sandbox.world.results_payload(_test_of(request, product_id, test_id)))


def _json(payload: object) -> HttpResponse:
    return HttpResponse(orjson.dumps(payload), content_type=JSON_TYPE)


def _joined(envelope: bytes, test_ids: Iterable[int], take: Callable[[int], bytes]) -> HttpResponse:
    """What ``take`` gives for each test, in one list. A test deleted at this very moment is passed over."""
    records = []
    for test_id in test_ids:
        with suppress(Unknown):
            records.append(take(test_id))
    return HttpResponse(b'{"%s":[%s]}' % (envelope, b",".join(filter(None, records))), content_type=JSON_TYPE)


def _expanded(request: SandboxRequest) -> bool:
    return "user_stories" in request.GET.getlist("includes[]")


def _ids(request: SandboxRequest, *names: str) -> set[int] | None:
    """The ids given under these names, comma-separated or repeated; None when the filter is not there."""
    values = [value for name in names for value in request.GET.getlist(name)]
    parts = chain.from_iterable(value.split(",") for value in values)
    return {int(part) for part in parts if part.strip().isdecimal()} if values else None


def _reshaped(request: SandboxRequest, name: str, records: list[T]) -> list[T]:
    """The records, or what the faults leave of the list."""
    faults = request.sandbox.faults
    if name in faults.empty:
        return []
    return records[: len(records) // 2] if name in faults.halved else records


def _ordered(request: SandboxRequest, order: tuple[int, ...]) -> Sequence[int]:
    faults = request.sandbox.faults
    if faults.empty or faults.halved:
        order = tuple(_reshaped(request, "tests", list(order)))
    if faults.shuffled:
        return sorted(order, key=lambda test_id: mix(faults.seed + request.number, SHUFFLE, test_id))
    return order


def _page(request: SandboxRequest, order: Sequence[int]) -> Sequence[int]:
    """``page`` and ``per_page`` as TestIO reads them: without ``page`` the newest 150."""
    faults = request.sandbox.faults
    if faults.ignore_paging:
        return order
    page = request.GET.get("page")
    if page is None:
        return order[:UNPAGED]
    size = _positive(request.GET.get("per_page"), DEFAULT_PER_PAGE)
    if faults.per_page_cap is not None:
        size = min(size, faults.per_page_cap)
    first = (_positive(page, 1) - 1) * size
    return order[first : first + size]


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


def _tests_asked_for(request: SandboxRequest) -> list[int]:
    """The tests that all given filters agree on; unknown ids are passed over, as TestIO does."""
    world = request.sandbox.world
    test_ids, product_ids = _ids(request, "filter_test_cycle_ids"), _ids(request, "filter_product_ids")
    if test_ids is None:
        chosen = (
            world.product_ids()
            if product_ids is None
            else [each for each in world.product_ids() if each in product_ids]
        )
        asked = [test_id for product_id in chosen for test_id in world.list_order(product_id)]
    else:
        asked = [each for each in sorted(test_ids) if world.has_test(each)]
        asked = [each for each in asked if product_ids is None or world.product_of(each) in product_ids]
    section_ids = _ids(request, "filter_section_ids")
    return asked if section_ids is None else [each for each in asked if world.section_of(each) in section_ids]


def _export_status(bug: Json) -> str:
    return "exported" if bug["exported_at"] else "not_exported"


def _test_of(request: SandboxRequest, product_id: int, test_id: int) -> int:
    if request.sandbox.world.product_of(test_id) != product_id:
        raise Unknown(test_id)
    return test_id
