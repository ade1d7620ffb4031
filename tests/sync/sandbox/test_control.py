import httpx
import pytest

from sync.sandbox import SandboxServer, World


def test_stats_count_calls_by_kind_status_and_fault(api: httpx.Client, control: httpx.Client, world: World) -> None:
    world.break_records(tests=[world.test_ids()[0]])
    for address in ("/products", "/products", "/bugs/1", f"/exploratory_tests/{world.test_ids()[0]}"):
        api.get(address)

    stats = control.get("/stats?recent=2").json()
    assert {key: stats[key] for key in ("total", "in_flight", "max_in_flight", "by_kind", "by_status", "by_fault")} == {
        "total": 4,
        "in_flight": 0,
        "max_in_flight": 1,
        "by_kind": {"products": 2, "bug": 1, "test": 1},
        "by_status": {"200": 2, "404": 1, "500": 1},
        "by_fault": {"unreadable": 1},
    }
    assert stats["recent"][0] == {"number": 3, "kind": "bug", "address": "/bugs/1", "status": 404, "fault": None}
    assert control.post("/reset").json() == {"reset": True}
    assert control.get("/stats").json()["total"] == 0


def test_faults_are_set_read_and_cleared(api: httpx.Client, control: httpx.Client, sandbox: SandboxServer) -> None:
    settings = control.post(
        "/faults", json={"random_503": 1.0, "force": [{"match": "products", "outcome": "502"}]}
    ).json()
    assert settings == control.get("/faults").json() == sandbox.faults.settings()
    assert [api.get("/products").status_code for _ in range(2)] == [502, 503]

    control.post("/faults", json={"clear": True})
    assert api.get("/products").status_code == 200
    control.post("/faults", json={"throttle": 60})
    assert api.get("/products").status_code == 429


def test_records_break_and_are_repaired(control: httpx.Client, world: World) -> None:
    test_id, bug_id = world.test_ids()[0], world.bug_ids()[0]

    broken = {"broken_tests": [test_id], "broken_bugs": [bug_id]}
    assert control.post("/break", json={"tests": [test_id], "bugs": [bug_id]}).json() == broken
    assert control.get("/truth").json().items() >= broken.items()
    assert control.post("/repair", json={"tests": [test_id]}).json() == broken | {"broken_tests": []}
    assert control.post("/repair", json={}).json() == {"broken_tests": [], "broken_bugs": []}
    assert len(control.post("/break", json={"some_tests": 3}).json()["broken_tests"]) == 3


def test_tests_and_bugs_are_inserted_changed_and_deleted(control: httpx.Client, world: World) -> None:
    product_id, other, *_ = world.product_ids()
    body = {"product_id": product_id, "count": 2, "bugs": 1, "fields": {"status": "locked"}}
    tests = control.post("/insert", json=body).json()["tests"]
    (bug_id,) = control.post("/insert", json={"test_id": tests[0], "fields": {"title": "New"}}).json()["bugs"]

    assert world.tests_of(product_id)[:2] == tests[::-1]
    assert (world.status_of(tests[0]), world.bug_payload(bug_id)["title"]) == ("locked", "New")

    feature_id = world.feature_ids(product_id)[0]
    changes = {
        "tests": {str(tests[0]): {"status": "archived", "product_id": other}},
        "bugs": {str(bug_id): {"severity": "low"}},
        "features": {str(feature_id): {"title": "Other"}},
        "products": {str(product_id): {"description": None}},
    }
    assert control.post("/change", json=changes).json() == {"changed": 4}
    assert (world.status_of(tests[0]), world.product_of(tests[0])) == ("archived", other)
    assert world.bug_payload(bug_id)["severity"] == "low"
    assert world.feature_payloads(product_id)[0]["title"] == "Other"

    body = {"tests": [tests[1]], "bugs": [bug_id], "features": [feature_id]}
    assert control.post("/delete", json=body).json() == {"deleted": 3}
    assert tests[1] not in world.test_ids()
    assert bug_id not in world.bug_ids()
    assert feature_id not in world.feature_ids(product_id)


def test_a_change_can_wait_for_a_request(api: httpx.Client, control: httpx.Client, world: World) -> None:
    one, other = world.test_ids()[:2]
    assert control.post("/delete", json={"tests": [one], "before_request": 2}).json() == {"scheduled": True}
    assert control.post("/delete", json={"tests": [other], "when": "reject_reasons"}).json() == {"scheduled": True}

    api.get("/products")
    assert {one, other} <= set(world.test_ids())
    api.get("/products")
    assert {one, other} & set(world.test_ids()) == {other}
    api.get("/bugs/reject_reasons")
    assert not {one, other} & set(world.test_ids())


def test_the_truth_names_everything_a_perfect_client_would_know(control: httpx.Client, world: World) -> None:
    truth = control.get("/truth?bugs=1").json()

    assert truth["tests"] == {str(product_id): world.tests_of(product_id) for product_id in world.product_ids()}
    assert truth["bugs"] == {str(test_id): world.bugs_of(test_id) for test_id in world.test_ids()}
    assert truth["bug_count"] == 240
    assert "bugs" not in control.get("/truth").json()


def test_warming_prepares_every_answer(control: httpx.Client) -> None:
    assert control.post("/warm").json()["bytes"] > 240 * 1_000
    assert control.post("/warm").json()["bytes"] == 0


@pytest.mark.parametrize(
    ("address", "body", "status", "sentence"),
    [
        ("/break", {"test": [1]}, 400, "test is not among tests, bugs, some_tests, some_bugs, before_request, when."),
        ("/break", {"tests": [1]}, 404, "Nothing here has the id 1."),
        ("/break", [], 400, "send a JSON object with POST."),
        ("/faults", {"random_500": 2}, 400, "random_500 is a share of all requests, from 0 to 1, not 2."),
        ("/insert", {"count": 1}, 400, "'product_id'"),
    ],
)
def test_what_cannot_be_done_is_explained(
    control: httpx.Client, address: str, body: object, status: int, sentence: str
) -> None:
    answer = control.post(address, json=body)

    assert (answer.status_code, answer.json()["error"].removeprefix("The sandbox cannot do that: ")) == (
        status,
        sentence,
    )


def test_a_body_that_is_no_json_is_explained(control: httpx.Client) -> None:
    assert control.post("/break", content=b"{").status_code == 400
    assert control.post("/faults", content=b"{").status_code == 400
    assert control.get("/repair").status_code == 400
    assert control.get("/nothing").status_code == 404
