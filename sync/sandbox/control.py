"""Changing and watching a running sandbox over HTTP: ``/_sandbox/...``, JSON both ways, loopback only.

Each change may carry ``"before_request": N`` (the Nth API request since the stats were reset) or ``"when": TEXT``
(the next request whose kind is TEXT or whose address contains it): it is then made at that moment, and the answer
is ``{"scheduled": true}``.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

import orjson
from django.http import HttpResponse

from sync.sandbox.faults import Faults
from sync.sandbox.records import Json, Unknown
from sync.sandbox.service import JSON_TYPE, SandboxRequest
from sync.sandbox.world import World

View = Callable[[SandboxRequest], HttpResponse]


def _json(payload: object, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS), content_type=JSON_TYPE, status=status)


def _explaining(view: View) -> View:
    """What cannot be done is a 400 (an id nobody has: 404) with one sentence in ``error``."""

    @wraps(view)
    def explained(request: SandboxRequest) -> HttpResponse:
        try:
            return view(request)
        except Unknown as unknown:
            return _json({"error": f"Nothing here has the id {unknown.args[0]}."}, 404)
        except (ValueError, TypeError, KeyError) as error:
            return _json({"error": f"The sandbox cannot do that: {error}"}, 400)

    return explained


def _asked(request: SandboxRequest, *known: str) -> Json:
    """The JSON object of the body. Raises ``ValueError`` for anything else and for keys nobody reads."""
    asked = orjson.loads(request.body or b"{}")
    if request.method != "POST" or not isinstance(asked, dict):
        raise ValueError("send a JSON object with POST.")
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is not among {', '.join(known)}.")
    return asked


def _change(*known: str) -> Callable[[Callable[[World, Json], Json]], View]:
    """A view that makes a change of the world now, or schedules it."""

    def decorate(make: Callable[[World, Json], Json]) -> View:
        @wraps(make)
        def view(request: SandboxRequest) -> HttpResponse:
            asked = _asked(request, *known, "before_request", "when")
            number, text = asked.pop("before_request", None), asked.pop("when", None)
            sandbox = request.sandbox
            if number is not None:
                sandbox.faults.before_request(int(number), partial(_make, make, asked))
            elif text is not None:
                sandbox.faults.when(str(text), partial(_make, make, asked))
            else:
                return _json(make(sandbox.world, asked))
            return _json({"scheduled": True})

        return _explaining(view)

    return decorate


def _make(make: Callable[[World, Json], Json], asked: Json, world: World) -> object:
    return make(world, asked)


# -- watching


@_explaining
def stats(request: SandboxRequest) -> HttpResponse:
    """``?recent=N`` bounds the list of the latest requests (50)."""
    return _json(request.sandbox.stats.summary(int(request.GET.get("recent", "50"))))


@_explaining
def reset(request: SandboxRequest) -> HttpResponse:
    _asked(request)
    request.sandbox.stats.reset()
    return _json({"reset": True})


@_explaining
def truth(request: SandboxRequest) -> HttpResponse:
    """What a perfect client would know: ids by product in list order, what is broken; with ``?bugs=1`` bugs by test."""
    world = request.sandbox.world
    product_ids = world.product_ids()
    known: Json = {
        "seed": world.seed,
        "now": world.now.isoformat(),
        "products": [world.product_payload(product_id) for product_id in product_ids],
        "features": {product_id: world.feature_ids(product_id) for product_id in product_ids},
        "tests": {product_id: world.tests_of(product_id) for product_id in product_ids},
        "bug_count": world.bug_count(),
        "broken_tests": sorted(world.broken_tests),
        "broken_bugs": sorted(world.broken_bugs),
    }
    if request.GET.get("bugs"):
        known["bugs"] = {test_id: world.bugs_of(test_id) for test_id in world.test_ids()}
    return _json(known)


@_explaining
def warm(request: SandboxRequest) -> HttpResponse:
    _asked(request)
    began = time.perf_counter()
    kept = request.sandbox.shelf.warm()
    return _json({"bytes": kept, "seconds": round(time.perf_counter() - began, 3)})


# -- faults


@_explaining
def faults(request: SandboxRequest) -> HttpResponse:
    """GET: the settings. POST: any of them by name, and ``clear``, ``throttle`` (seconds), ``force`` (a list of
    ``{match, outcome, times}``). Answers with the settings."""
    now = request.sandbox.faults
    if request.method == "POST":
        _set_faults(now, orjson.loads(request.body or b"{}"))
    return _json(now.settings())


def _set_faults(now: Faults, asked: Json) -> None:
    clear, throttle = asked.pop("clear", False), asked.pop("throttle", None)
    force: list[Any] = asked.pop("force", [])
    if clear:
        now.clear()
    now.set(**asked)
    if throttle is not None:
        now.throttle(float(throttle))
    for each in force:
        now.force(**each)


# -- changes of the world


@_change("tests", "bugs", "some_tests", "some_bugs")
def break_records(world: World, asked: Json) -> Json:
    """These ``tests`` and ``bugs``, or so many: ``some_tests``, ``some_bugs``. Answers with all that are broken."""
    world.break_records(asked.get("tests", ()), asked.get("bugs", ()))
    world.break_some(asked.get("some_tests", 0), asked.get("some_bugs", 0))
    return _broken(world)


@_change("tests", "bugs")
def repair(world: World, asked: Json) -> Json:
    """These, or with an empty object all. Answers with what is still broken."""
    world.repair(asked.get("tests"), asked.get("bugs"))
    return _broken(world)


def _broken(world: World) -> Json:
    return {"broken_tests": sorted(world.broken_tests), "broken_bugs": sorted(world.broken_bugs)}


@_change("product_id", "test_id", "count", "position", "bugs", "fields")
def insert(world: World, asked: Json) -> Json:
    """``product_id``: new tests, each with so many ``bugs``; ``test_id``: new bugs. Answers with their ids."""
    count, fields = asked.get("count", 1), asked.get("fields", {})
    if "test_id" in asked:
        return {"bugs": world.add_bugs(asked["test_id"], count, **fields)}
    position, bugs = asked.get("position", 0), asked.get("bugs", 0)
    return {"tests": world.insert_tests(asked["product_id"], count, position=position, bugs=bugs, **fields)}


@_change("tests", "bugs", "products", "features")
def change(world: World, asked: Json) -> Json:
    """Each key maps ids to the fields to change. A test's ``product_id`` moves it; a feature has only a ``title``."""
    for test_id, fields in _by_id(asked, "tests"):
        if "product_id" in fields:
            world.move_test(test_id, fields["product_id"])
        world.change_test(test_id, **{name: value for name, value in fields.items() if name != "product_id"})
    for bug_id, fields in _by_id(asked, "bugs"):
        world.change_bug(bug_id, **fields)
    for product_id, fields in _by_id(asked, "products"):
        world.change_product(product_id, **fields)
    for feature_id, fields in _by_id(asked, "features"):
        world.rename_feature(feature_id, **fields)
    return {"changed": sum(map(len, asked.values()))}


def _by_id(asked: Json, name: str) -> Iterable[tuple[int, Json]]:
    return ((int(key), fields) for key, fields in asked.get(name, {}).items())


@_change("tests", "bugs", "products", "features")
def delete(world: World, asked: Json) -> Json:
    """Each key lists ids. Deleting a test takes its bugs along, deleting a product its tests."""
    deleters = {
        "bugs": world.delete_bug,
        "tests": world.delete_test,
        "features": world.delete_feature,
        "products": world.delete_product,
    }
    for name, delete_one in deleters.items():
        for each in asked.get(name, ()):
            delete_one(each)
    return {"deleted": sum(map(len, asked.values()))}
