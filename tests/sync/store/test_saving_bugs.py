from datetime import UTC, datetime
from functools import partial

import pytest

from sync import store
from sync.models import Bug, BugDevice, CustomReport, Feature, TestFeature
from sync.store import Saved
from tests.factories import MARCH, BugFactory, FeatureFactory, TestFactory, TestFeatureFactory
from tests.sync.store.support import Shop, a_bug, a_copy, a_feature, a_test, queries, versions, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    """A product with a feature (70) and two tests (1 and 2), each with a copy of it (10 and 20)."""
    shop = Shop.open()
    shop.save_features(a_feature(70))
    shop.save_tests(a_test(1), a_test(2))
    return shop


def test_a_new_bug_is_stored_with_all_that_belongs_to_it(shop: Shop) -> None:
    payload = a_bug(
        5, 1, status="rejected", known=True, reported_at="2026-03-02T00:00:00+02:00", location="\x00 here",
        comments=[{"body": "This is a legit bug but already known."}], steps=["Open", 'say "{hi}"', "NULL", "\\N\ttab"],
    )  # fmt: skip
    assert shop.save_bugs(payload) == Saved(created={5})
    bug = Bug.objects.get()
    assert (bug.product, bug.test_id, bug.mentioned_test_id) == (shop.product, 1, 1)
    assert (bug.test_feature_id, bug.feature_id) == (10, 70)
    assert bug.author
    assert (bug.author.username, bug.author.kind) == ("tess", "tester")
    assert (bug.status, bug.rejection_reason, bug.known, bug.location) == ("rejected", "known_bug", True, "here")
    assert (bug.reported_at, bug.exported_at) == (datetime(2026, 3, 1, 22, tzinfo=UTC), None)
    assert bug.steps == ["Open", 'say "{hi}"', "NULL", "\\N\ttab"]
    assert (bug.raw["title"], bug.notes) == ("Bug 5", ["NUL characters were removed"])
    devices = [(device.position, device.device, device.browsers) for device in bug.devices.all()]
    assert devices == [(0, "Pixel 9", ["Chrome"]), (1, "iPad", [])]
    report = CustomReport.objects.get()
    assert (report.bug, report.configuration_id, report.data) == (bug, "41", [{"key": "a", "value": [1]}])


@pytest.mark.parametrize("force", [False, True])
def test_the_number_of_queries_does_not_grow_with_the_number_of_bugs(shop: Shop, force: bool) -> None:
    counts = []
    for first_id, amount in ((100, 1), (200, 3), (300, 50)):
        payloads = [
            a_bug(bug_id, 1, test_feature={"id": bug_id, "feature": {"id": bug_id}}, author=f"tester {bug_id}")
            for bug_id in range(first_id, first_id + amount)
        ]
        changed = [payload | {"title": "now"} for payload in payloads]
        counts.append([queries(partial(shop.save_bugs, *sent, force=force)) for sent in (payloads, changed)])
    assert counts[0] == counts[1] == counts[2]


def test_saving_the_same_bugs_again_writes_no_row(shop: Shop) -> None:
    payloads = [a_bug(bug_id, 1 + bug_id % 2) for bug_id in range(1, 6)]
    shop.save_bugs(*payloads)
    saved, rows = written(lambda: shop.save_bugs(*payloads))
    assert (saved, rows) == (Saved(), set())


def test_of_many_bugs_only_the_changed_one_is_written(shop: Shop) -> None:
    shop.save_bugs(*(a_bug(bug_id, 1) for bug_id in range(1, 6)))
    saved, rows = written(lambda: shop.save_bugs(*(a_bug(pk, 1, known=pk == 2) for pk in range(1, 6))))
    assert saved.updated == {1, 2, 3, 4, 5}  # "known" was absent before: the payloads of all differ
    saved, rows = written(lambda: shop.save_bugs(*(a_bug(pk, 1, known=pk in (2, 4)) for pk in range(1, 6))))
    assert saved == Saved(updated={4})
    assert {row for row in rows if row[0] == "sync_bug"} == {("sync_bug", "4")}


def test_force_writes_unchanged_bugs_too_and_doubles_nothing(shop: Shop) -> None:
    shop.save_bugs(a_bug(5, 1), a_bug(6, 1))
    assert shop.save_bugs(a_bug(5, 1), a_bug(6, 1), force=True) == Saved(updated={5, 6})
    assert [BugDevice.objects.count(), CustomReport.objects.count()] == [4, 2]


def test_devices_and_report_follow_the_bug(shop: Shop) -> None:
    shop.save_bugs(a_bug(5, 1), a_bug(6, 1))
    shop.save_bugs(a_bug(5, 1, devices=[{"name": "Laptop"}], report=None), a_bug(6, 1))
    assert [str(device) for device in Bug.objects.get(pk=5).devices.all()] == ["Laptop"]
    assert [report.pk for report in CustomReport.objects.all()] == [6]
    assert BugDevice.objects.count() == 3


def test_bugs_seen_on_the_same_devices_have_the_same_set_whatever_the_order(shop: Shop) -> None:
    phone = {"device": {"name": "Pixel 9"}, "category": {"name": "Phones"}, "operating_system": {"name": "Android"}}
    other, laptop = phone | {"device": {"name": "Fairphone"}}, {"name": "Laptop", "browsers": ["Chrome", "Safari"]}
    shop.save_bugs(
        a_bug(5, 1, devices=[phone, laptop]),
        a_bug(6, 1, devices=[laptop | {"browsers": ["Safari", "Chrome"]}, other, phone]),
        a_bug(7, 1, devices=[phone]),
        a_bug(8, 1, devices=None),
    )
    sets = dict(Bug.objects.values_list("pk", "device_set"))
    assert sets[5] == sets[6]
    assert len({*sets.values()}) == 3
    assert sets[8] == 0
    shop.save_bugs(a_bug(5, 1, devices=[phone]))
    assert Bug.objects.get(pk=5).device_set == sets[7]


def test_a_missing_bug_that_is_seen_again_is_back(shop: Shop) -> None:
    shop.save_bugs(a_bug(5, 1))
    store.mark_missing(Bug, [5])
    assert shop.save_bugs(a_bug(5, 1)) == Saved(updated={5})
    assert Bug.objects.get().missing_since is None


def test_features_that_only_bugs_mention_become_stubs_and_the_bug_keeps_its_link(shop: Shop) -> None:
    titled = a_bug(5, 1, test_feature={"id": 88, "feature": {"id": 77, "title": "Old cart"}})
    untitled = a_bug(6, 1, test_feature={"id": 88, "feature_id": 77})
    assert shop.save_bugs(titled, untitled) == Saved(created={5, 6}, stubs={77: 1})
    assert [(bug.test_feature_id, bug.feature_id) for bug in Bug.objects.all()] == [(88, 77), (88, 77)]
    copy, feature = TestFeature.objects.get(pk=88), Feature.objects.get(pk=77)
    assert (copy.test_id, copy.feature_id, copy.missing_since) == (1, 77, MARCH)
    assert (feature.title, feature.product, feature.missing_since) == ("Old cart", shop.product, MARCH)


@pytest.mark.parametrize(
    ("links", "stored"),
    [
        ({"test_feature": {"id": 10}, "feature": None}, (10, 70)),
        ({"test_feature": None, "feature": {"id": 70}}, (None, 70)),
        ({"test_feature": None, "feature": None}, (None, None)),
        ({"test_feature": {"id": 99}}, (99, None)),
    ],
)
def test_what_a_bug_leaves_out_is_known_from_its_test(
    shop: Shop, links: dict[str, object], stored: tuple[int | None, int | None]
) -> None:
    shop.save_bugs(a_bug(5, 1, **links))
    bug = Bug.objects.get()
    assert (bug.test_feature_id, bug.feature_id) == stored


def test_a_copy_of_a_test_elsewhere_is_not_linked(shop: Shop) -> None:
    TestFeatureFactory.create(id=99)
    FeatureFactory.create(id=71)
    shop.save_bugs(a_bug(5, 1, test_feature={"id": 99, "feature": {"id": 71}}))
    bug = Bug.objects.get()
    assert (bug.test_feature_id, bug.feature_id) == (None, None)


def test_a_bug_of_a_test_nobody_has_read_waits_for_it(shop: Shop) -> None:
    shop.save_bugs(a_bug(5, 3), tests=[1])
    bug = Bug.objects.get()
    assert (bug.test_id, bug.mentioned_test_id, bug.test_feature_id, bug.feature_id) == (None, 3, None, 70)
    shop.save_tests(a_test(3))
    bug.refresh_from_db()
    assert bug.test_id == 3


def test_a_bug_may_mention_another_test_than_it_was_asked_for(shop: Shop) -> None:
    foreign = TestFactory.create()
    shop.save_bugs(a_bug(5, 2), a_bug(6, foreign.pk), a_bug(7, 1, test=None), tests=[1])
    assert [(bug.test_id, bug.test_feature_id) for bug in Bug.objects.order_by("pk")] == [
        (2, 20),
        (None, None),
        (None, 10),
    ]


def test_a_bug_of_another_customer_is_refused_in_a_sentence_and_stays_untouched(shop: Shop) -> None:
    foreign = BugFactory.create(id=5)
    before = versions(Bug, BugDevice, CustomReport)
    saved = shop.save_bugs(a_bug(5, 1), a_bug(6, 1), force=True)
    assert saved == Saved(created={6}, refused=["Bug 5 was not stored: this id belongs to another customer."])
    assert before <= versions(Bug, BugDevice, CustomReport)
    assert Bug.objects.get(pk=5).product == foreign.product
    assert not foreign.devices.exists()


def test_bugs_keep_their_links_when_their_test_changes(shop: Shop) -> None:
    shop.save_bugs(a_bug(5, 1))
    shop.save_tests(a_test(1, features=[a_copy(11, 70)]))
    bug = Bug.objects.get()
    assert (bug.test_id, bug.test_feature_id, bug.feature_id) == (1, 10, 70)


def test_no_bugs_are_no_work(shop: Shop) -> None:
    saved, rows = written(lambda: shop.save_bugs(tests=[1, 2]))
    assert (saved, rows) == (Saved(), set())
