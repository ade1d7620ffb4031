import httpx
import pytest

from sync.sandbox import SandboxServer, World
from sync.sandbox.texts import REASON_KEYS
from tests.sync.sandbox.support import client_of, get


def ids(response: httpx.Response, envelope: str) -> list[int]:
    assert response.status_code == 200
    return [record["id"] for record in response.json()[envelope]]


def test_without_the_right_token_everything_is_401(sandbox: SandboxServer) -> None:
    headers: list[dict[str, str]] = [{}, {"Authorization": "Token wrong"}, {"Authorization": f"Bearer {sandbox.token}"}]
    with client_of(sandbox.base_url) as client:
        refused = [client.get("/products", headers=each).status_code for each in headers]

    assert refused == [401, 401, 401]


def test_any_configured_token_is_accepted(world: World) -> None:
    with SandboxServer(world, tokens=("one", "two")) as server:
        answers = [get(f"{server.base_url}/products", token) for token in ("one", "two", "sandbox-token")]

    assert [answer.status_code for answer in answers] == [200, 200, 401]


def test_products_come_all_or_by_id(api: httpx.Client, world: World) -> None:
    first, second, third, _ = world.product_ids()

    assert ids(api.get("/products"), "products") == world.product_ids()
    assert ids(api.get("/products", params={"filter[product_ids]": f"{third},{first},77"}), "products") == [
        first,
        third,
    ]
    assert ids(api.get("/products", params={"filter[product_ids][]": [second]}), "products") == [second]
    assert api.get(f"/products/{second}").json() == {"product": world.product_payload(second)}


def test_features_come_for_a_product_or_one_of_its_sections(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[1]
    section_id = world.section_ids(product_id)[-1]
    whole = api.get(f"/products/{product_id}/features").json()
    expanded = api.get(f"/products/{product_id}/features?includes[]=user_stories").json()
    section = api.get(f"/products/{product_id}/sections/{section_id}/features").json()

    assert whole == {"features": world.feature_payloads(product_id)}
    assert expanded == {"features": world.feature_payloads(product_id, include_user_stories=True)}
    assert section == {"features": world.feature_payloads(product_id, section_id=section_id)}


def test_pages_hold_25_tests_unless_asked_otherwise_and_end_empty(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    order = world.tests_of(product_id)
    address = f"/products/{product_id}/exploratory_tests"

    assert ids(api.get(address, params={"page": 1}), "exploratory_tests") == order[:25]
    assert ids(api.get(address, params={"page": 3, "per_page": 10}), "exploratory_tests") == order[20:30]
    assert ids(api.get(address, params={"page": 99}), "exploratory_tests") == []
    assert ids(api.get(address, params={"page": "0", "per_page": "x"}), "exploratory_tests") == order[:25]


def test_without_a_page_the_last_150_tests_come_whatever_per_page_says() -> None:
    world = World(tests=160, products=1, bugs_per_test=0)
    product_id = world.product_ids()[0]
    with SandboxServer(world) as server:
        answer = get(f"{server.base_url}/products/{product_id}/exploratory_tests?per_page=3", server.token)

    assert ids(answer, "exploratory_tests") == world.tests_of(product_id)[:150]


def test_the_list_and_a_tests_own_address_show_what_the_world_knows(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[2]
    address = f"/products/{product_id}/exploratory_tests?page=1&per_page=100"
    listed = api.get(address).json()["exploratory_tests"]
    expanded = api.get(address + "&includes[]=user_stories").json()["exploratory_tests"]

    assert listed == [world.test_payload(test_id) for test_id in world.tests_of(product_id)]
    assert expanded == [world.test_payload(each, include_user_stories=True) for each in world.tests_of(product_id)]


def test_a_tests_own_address_adds_analytics_in_an_envelope(api: httpx.Client, world: World) -> None:
    test_id = next(each for each in world.test_ids() if len(world.bugs_of(each)) > 2)
    body = api.get(f"/exploratory_tests/{test_id}").json()
    test = body["exploratory_test"]
    found = [bug_id for feature in test["features"] for bug_id in feature["bug_ids"]]

    assert list(body) == ["exploratory_test"]
    assert test["analytics"]["total_bugs"] == len(world.bugs_of(test_id))
    assert set(found) <= set(world.bugs_of(test_id))
    assert {feature["execution_status"] for feature in test["features"]} <= {"failed", "passed", "not_tested"}


def test_bugs_come_by_tests_by_products_or_one_by_one(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    asked = [test_id for test_id in world.tests_of(product_id) if world.bugs_of(test_id)][:5]
    of_tests = sorted(bug_id for test_id in asked for bug_id in world.bugs_of(test_id))
    of_product = {bug_id for test_id in world.tests_of(product_id) for bug_id in world.bugs_of(test_id)}
    query = ",".join(map(str, [*asked, 1]))

    assert ids(api.get("/bugs", params={"filter_test_cycle_ids": query}), "bugs") == of_tests
    assert set(ids(api.get("/bugs", params={"filter_product_ids": product_id}), "bugs")) == of_product
    assert api.get(f"/bugs/{of_tests[0]}").json() == {"bug": world.bug_payload(of_tests[0])}


def test_bug_filters_narrow_each_other_down(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[1]
    section_id = world.section_ids(product_id)[1]
    everything = world.bug_ids()
    exported = [bug_id for bug_id in everything if world.bug_payload(bug_id)["exported_at"]]
    in_section = {bug_id for bug_id in everything if world.section_of(world.test_of(bug_id)) == section_id}

    assert set(ids(api.get("/bugs"), "bugs")) == set(everything)
    assert set(ids(api.get("/bugs?export_status=exported"), "bugs")) == set(exported)
    assert set(ids(api.get(f"/bugs?filter_section_ids={section_id}"), "bugs")) == in_section
    foreign = world.tests_of(world.product_ids()[0])[0]
    assert ids(api.get(f"/bugs?filter_test_cycle_ids={foreign}&filter_product_ids={product_id}"), "bugs") == []
    assert ids(api.get("/bugs?filter_test_cycle_ids="), "bugs") == []


def test_reject_reasons_and_results_are_bare_arrays(api: httpx.Client, world: World) -> None:
    test_id = next(each for each in world.test_case_tests() if world.results_payload(each))
    address = f"/products/{world.product_of(test_id)}/test_case_tests/{test_id}"

    assert [reason["key"] for reason in api.get("/bugs/reject_reasons").json()] == list(REASON_KEYS)
    assert api.get(f"{address}/results").json() == world.results_payload(test_id)
    assert api.get(address).json() == {"test_case_test": world.test_case_payload(test_id)}


def test_what_is_not_there_is_404(api: httpx.Client, world: World) -> None:
    first, second, *_ = world.product_ids()
    ordinary = next(each for each in world.tests_of(first) if each not in world.test_case_tests())
    test_case_test = world.test_case_tests()[0]
    elsewhere = next(each for each in world.product_ids() if each != world.product_of(test_case_test))

    for address in (
        "/products/1",
        "/products/1/features",
        f"/products/{first}/sections/{world.section_ids(second)[1]}/features",
        "/products/1/exploratory_tests?page=1",
        "/exploratory_tests/1",
        "/bugs/1",
        f"/bugs/{world.bug_ids()[0] + 1}",
        f"/products/{first}/test_case_tests/{ordinary}",
        f"/products/{elsewhere}/test_case_tests/{test_case_test}/results",
        "/nothing",
        "/bugs/",
    ):
        assert api.get(address).status_code == 404, address


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_sandbox_is_read_only_for_clients(api: httpx.Client, method: str) -> None:
    assert api.request(method, "/bugs").status_code in (405, 501)


def test_a_page_with_an_unreadable_test_is_500_until_it_is_repaired(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    order = world.tests_of(product_id)
    address = f"/products/{product_id}/exploratory_tests"
    world.break_records(tests=[order[7]])

    assert [api.get(address, params={"page": page, "per_page": 5}).status_code for page in (1, 2, 3)] == [200, 500, 200]
    assert [api.get(address, params={"page": page, "per_page": 1}).status_code for page in (7, 8, 9)] == [200, 500, 200]
    assert api.get(address).status_code == 500
    assert api.get(f"/exploratory_tests/{order[7]}").status_code == 500
    assert api.get(f"/bugs?filter_test_cycle_ids={order[7]}").status_code == 200

    world.repair()
    assert ids(api.get(address, params={"page": 2, "per_page": 5}), "exploratory_tests") == order[5:10]
    assert api.get(f"/exploratory_tests/{order[7]}").status_code == 200


def test_an_unreadable_bug_spoils_every_answer_that_would_hold_it(api: httpx.Client, world: World) -> None:
    test_id, other = [each for each in world.test_ids() if len(world.bugs_of(each)) > 1][:2]
    broken, readable = world.bugs_of(test_id)[:2]
    world.break_records(bugs=[broken])

    def statuses() -> list[int]:
        addresses = (
            f"/bugs/{broken}",
            f"/bugs/{readable}",
            f"/bugs?filter_test_cycle_ids={test_id},{other}",
            f"/bugs?filter_test_cycle_ids={other}",
            f"/exploratory_tests/{test_id}",
        )
        return [api.get(address).status_code for address in addresses]

    assert statuses() == [500, 200, 500, 200, 200]
    world.repair(bugs=[broken])
    assert statuses() == [200, 200, 200, 200, 200]
