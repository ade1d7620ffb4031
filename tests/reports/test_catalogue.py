import pytest
from django.contrib.auth.models import User

from reports import catalogue, saved
from reports.builtin import REPORTS
from reports.catalogue import BadParameters, NoSuchReport
from reports.saved import BadFields, SaveRefused
from tests.reports import world
from tests.reports.world import everything, of, person, rows

pytestmark = pytest.mark.django_db


def names(found: list[catalogue.Entry]) -> list[str]:
    return [entry.name for entry in found]


def test_every_report_has_a_name_a_sentence_tags_and_parameters_that_explain_themselves() -> None:
    for report in REPORTS:
        assert report.description.endswith(".")
        assert report.tags
        described = report.schema()["properties"].values()
        assert all(parameter["description"] for parameter in described), report.name
    assert len({report.name for report in REPORTS}) == len(REPORTS)


def test_reports_are_found_by_name_tag_and_description_the_nearest_first() -> None:
    assert names(catalogue.search(everything(), "bugs"))[0] == "bugs"
    assert names(catalogue.search(everything(), "FORMS")) == ["custom-report-summary", "custom-reports"]
    assert names(catalogue.search(everything(), "", tag="problems")) == ["gaps"]
    assert names(catalogue.search(everything(), "bugs nothing-like-it")) == []


def test_a_caller_sees_the_reports_they_have_the_permission_for() -> None:
    nobody = of(User.objects.create_user("nobody"))
    assert catalogue.entries(nobody) == []
    with pytest.raises(NoSuchReport):
        catalogue.find(nobody, "bugs")


def test_an_unknown_report_is_refused_with_what_comes_near() -> None:
    with pytest.raises(NoSuchReport) as refusal:
        catalogue.find(everything(), "bug")
    assert str(refusal.value) == 'There is no report "bug". Did you mean bugs?'


def test_wrong_parameters_are_all_named() -> None:
    with pytest.raises(BadParameters) as refusal:
        catalogue.built_in("bugs").read({"severity": ["awful"], "colour": "red", "since": "some day"})
    assert sorted(refusal.value.faults) == ["colour", "severity", "since"]
    assert refusal.value.faults["severity"].startswith('"awful" is no severity. Known are: critical, high, low')
    assert refusal.value.faults["colour"].startswith("this report knows no such parameter; it knows customer, ")


def test_parameters_of_a_command_line_become_lists_where_lists_are_meant() -> None:
    bugs = catalogue.built_in("bugs")
    given = bugs.from_texts({"severity": ["high", "low"], "product_id": ["1,2"], "known": ["true"]})
    assert given == {"severity": ["high", "low"], "product_id": ["1", "2"], "known": "true"}
    assert bugs.from_texts({"tester": ['"Doe, Jane", Roe', "Poe"]}) == {"tester": ["Doe, Jane", "Roe", "Poe"]}
    keep = ["severity=high,low", '"tester=Doe, Jane"']
    cube = catalogue.built_in("metrics")
    asked = cube.read(cube.from_texts({"measure": ["bugs,tests"], "keep": keep})).model_dump()
    assert asked["measure"] == ["bugs", "tests"]
    assert asked["keep"] == ["severity=high", "severity=low", "tester=Doe, Jane"]
    read = bugs.read(given).model_dump()
    assert (read["product_id"], read["known"]) == ([1, 2], True)
    with pytest.raises(BadParameters, match="known: may be given once"):
        bugs.from_texts({"known": ["true", "false"]})


def test_a_saved_report_keeps_its_parameters_and_a_run_may_change_them() -> None:
    world.make()
    ann = of(person("ann", see_all=True))
    saved.save(ann, "my-bugs", report="bugs", parameters={"severity": ["high"]}, title="My bugs", tags=["Weekly"])
    entry = catalogue.find(ann, "my-bugs")
    assert (entry.title, entry.tags, entry.owner) == ("My bugs", ("weekly",), "ann")
    assert names(catalogue.search(ann, "", tag="weekly")) == ["my-bugs"]
    assert [row["id"] for row in rows(entry.run(ann, {}))] == [101]
    assert [row["id"] for row in rows(entry.run(ann, {"severity": ["custom"]}))] == [103]
    assert catalogue.find(ann, entry.saved_id) == entry


def test_a_saved_report_is_its_owners_until_it_is_shared() -> None:
    ann, ben = of(person("ann", see_all=True)), of(person("ben", see_all=True))
    saved.save(ann, "mine", report="bugs", parameters={})
    assert "mine" not in names(catalogue.entries(ben))
    saved.save(ann, "mine", report="bugs", parameters={}, is_shared=True)
    assert "mine" in names(catalogue.entries(ben))
    saved.save(ben, "mine", report="tests", parameters={})
    assert catalogue.find(ben, "mine").report.name == "tests"
    with pytest.raises(NoSuchReport, match="Several saved reports are called"):
        catalogue.find(everything(), "mine")


def test_a_saved_report_about_a_customer_is_there_for_those_who_see_that_customer() -> None:
    made = world.make()
    ann = of(person("ann", see_all=True))
    member, stranger = of(person("mia", made.acme)), of(person("sam", made.other))
    saved.save(ann, "acme-bugs", report="bugs", parameters={}, is_shared=True, customers=["acme"])
    assert [row["id"] for row in rows(catalogue.find(ann, "acme-bugs").run(ann, {}))] == [102, 101, 103]
    assert "acme-bugs" in names(catalogue.entries(member))
    assert "acme-bugs" not in names(catalogue.entries(stranger))


def test_a_saved_report_that_names_a_customer_in_its_parameters_names_it_to_nobody_else() -> None:
    made = world.make()
    owner, ann = of(person("mo", made.acme, made.other)), of(person("ann", see_all=True))
    member, stranger = of(person("mia", made.acme)), of(person("sam", made.other))
    kept = {"acmes": {"customer": "acme"}, "all": {}}
    for name, parameters in kept.items():
        saved.save(owner, name, report="bugs", parameters=parameters, is_shared=True)
    assert [kept.keys() <= set(names(catalogue.entries(reader))) for reader in (owner, ann, member)] == [True] * 3
    assert kept.keys() & set(names(catalogue.entries(stranger))) == {"all"}
    owner.user.customers.set([made.other])
    left = of(User.objects.get(username="mo"))
    assert kept.keys() <= set(names(catalogue.entries(left))), "one's own stays, to be changed or deleted"


def test_what_cannot_be_saved_is_refused_with_the_reason() -> None:
    ann = of(person("ann", see_all=True))
    with pytest.raises(SaveRefused, match="comes with the program"):
        saved.save(ann, "bugs", report="bugs", parameters={})
    with pytest.raises(BadFields, match="name: "):
        saved.save(ann, "my bugs", report="bugs", parameters={})
    with pytest.raises(BadParameters, match="status: "):
        saved.save(ann, "mine", report="bugs", parameters={"status": ["lost"]})
    with pytest.raises(SaveRefused, match="There is no customer nobody"):
        saved.save(ann, "mine", report="bugs", parameters={}, customers=["nobody"])
