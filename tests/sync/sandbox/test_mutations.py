import httpx

from sync.sandbox import World
from sync.sandbox.records import Json


def listed(api: httpx.Client, product_id: int) -> list[int]:
    body = api.get(f"/products/{product_id}/exploratory_tests?page=1&per_page=500").json()
    return [test["id"] for test in body["exploratory_tests"]]


def shown(api: httpx.Client, test_id: int) -> Json:
    test: Json = api.get(f"/exploratory_tests/{test_id}").json()["exploratory_test"]
    return test


def test_new_tests_come_on_top_with_higher_ids_and_later_ends(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    before = listed(api, product_id)
    first, second = world.insert_tests(product_id, 2, bugs=3)

    assert listed(api, product_id) == [second, first, *before]
    assert max(before) < first < second
    assert shown(api, second)["end_at"] > shown(api, first)["end_at"]
    assert shown(api, first)["status"] == "running"
    assert len(api.get(f"/bugs?filter_test_cycle_ids={first},{second}").json()["bugs"]) == 6


def test_a_test_can_be_inserted_anywhere_in_a_list(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[1]
    before = listed(api, product_id)
    (test_id,) = world.insert_tests(product_id, position=4, status="archived", title="In between")

    assert listed(api, product_id) == [*before[:4], test_id, *before[4:]]
    assert (shown(api, test_id)["status"], shown(api, test_id)["title"]) == ("archived", "In between")


def test_a_changed_test_is_served_changed_and_its_bugs_carry_the_new_title(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    test_id = next(each for each in world.tests_of(product_id) if world.bugs_of(each))
    listed(api, product_id)  # whatever is kept from now on is out of date
    bugs = f"/bugs?filter_test_cycle_ids={test_id}"
    api.get(bugs)
    world.change_test(test_id, status="locked", title="Renamed", end_at=None)

    page = api.get(f"/products/{product_id}/exploratory_tests?page=1&per_page=500").json()["exploratory_tests"]
    test = next(test for test in page if test["id"] == test_id)
    titles = {test[key] for key in ("title", "test_title") if key in test}
    assert (test["status"], titles, test["end_at"]) == ("locked", {"Renamed"}, None)
    assert {bug["test"]["title"] for bug in api.get(bugs).json()["bugs"]} == {"Renamed"}
    assert world.status_of(test_id) == "locked"


def test_a_test_with_another_end_moves_to_its_place(api: httpx.Client, world: World) -> None:
    product_id = world.product_ids()[0]
    order = listed(api, product_id)
    world.change_test(order[0], end_at="2001-01-01T00:00:00+00:00")

    assert listed(api, product_id) == [*order[1:], order[0]]
    assert shown(api, order[0])["end_at"].startswith("2001-01-01")


def test_a_deleted_test_and_its_bugs_are_404(api: httpx.Client, world: World) -> None:
    test_id = next(each for each in world.test_ids() if world.bugs_of(each))
    product_id, bug_id = world.product_of(test_id), world.bugs_of(test_id)[0]
    before = listed(api, product_id)
    world.break_records(tests=[test_id], bugs=[bug_id])
    world.delete_test(test_id)

    assert listed(api, product_id) == [each for each in before if each != test_id]
    assert [api.get(f"/exploratory_tests/{test_id}").status_code, api.get(f"/bugs/{bug_id}").status_code] == [404, 404]
    assert api.get(f"/bugs?filter_test_cycle_ids={test_id}").json() == {"bugs": []}
    assert (world.broken_tests, world.broken_bugs) == (set(), set())


def test_a_moved_test_is_listed_in_its_new_product(api: httpx.Client, world: World) -> None:
    old, new, *_ = world.product_ids()
    test_id = next(each for each in world.tests_of(old) if world.bugs_of(each))
    world.move_test(test_id, new)

    assert test_id not in listed(api, old)
    assert test_id in listed(api, new)
    assert shown(api, test_id)["product"] == {"id": new, "name": world.product_payload(new)["name"]}
    assert {bug["product"]["id"] for bug in world.bug_payloads(test_id)} == {new}


def test_bugs_can_be_added_judged_and_deleted(api: httpx.Client, world: World) -> None:
    test_id = next(each for each in world.test_ids() if len(world.bugs_of(each)) > 2)
    kept, judged, deleted, *others = world.bugs_of(test_id)
    (added,) = world.add_bugs(test_id, title="Found later")
    world.change_bug(judged, status="rejected", comments=[{"body": "The test instructions were not followed."}])
    world.delete_bug(deleted)

    served = {bug["id"]: bug for bug in api.get(f"/bugs?filter_test_cycle_ids={test_id}").json()["bugs"]}
    assert list(served) == [kept, judged, *others, added] == world.bugs_of(test_id)
    assert (served[added]["title"], served[judged]["status"]) == ("Found later", "rejected")
    assert world.rejection_reason(judged) == "ignored_instructions"
    assert api.get(f"/bugs/{deleted}").status_code == 404
    assert added > max(others, default=deleted)


def test_a_renamed_feature_keeps_its_old_title_in_tests_and_a_deleted_one_stays_there(
    api: httpx.Client, world: World
) -> None:
    test = next(test for test in map(world.test_payload, world.test_ids()) if len(test["features"]) > 1)
    (renamed, deleted), product_id = (feature["feature_id"] for feature in test["features"][:2]), test["product"]["id"]
    world.rename_feature(renamed, "New name")
    world.delete_feature(deleted)

    features = {
        feature["id"]: feature["title"] for feature in api.get(f"/products/{product_id}/features").json()["features"]
    }
    assert features[renamed] == "New name"
    assert deleted not in features
    assert world.test_payload(test["id"])["features"] == test["features"]


def test_a_product_can_be_renamed_and_deleted(api: httpx.Client, world: World) -> None:
    renamed, deleted, *_ = world.product_ids()
    test_id, gone = world.tests_of(renamed)[0], world.tests_of(deleted)[0]
    listed(api, renamed)
    world.change_product(renamed, name="Nordwind 2")
    world.delete_product(deleted)

    page = api.get(f"/products/{renamed}/exploratory_tests?page=1&per_page=1").json()["exploratory_tests"]
    assert (page[0]["id"], page[0]["product"]["name"]) == (test_id, "Nordwind 2")
    assert [product["id"] for product in api.get("/products").json()["products"]] == world.product_ids()
    assert deleted not in world.product_ids()
    assert api.get(f"/exploratory_tests/{gone}").status_code == 404
