"""The words of a row: the database keeps them, whoever writes it and however, and no text is too much for it."""

import re
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from sync.bulk import Target, merge
from sync.models import Bug, Feature, Product, Test, UserStory
from tests.factories import BugFactory, FeatureFactory, ProductFactory, TestFactory, UserStoryFactory

pytestmark = pytest.mark.django_db

#: What a column of text can hold.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)


def ask(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row and row[0]


def words(row: Product | Feature | Test | Bug) -> dict[str, str]:
    """Each word of a row's column and its places there."""
    column = type(row).objects.values_list("search", flat=True).get(pk=row.pk)
    return dict(re.findall(r"'([^']*)':(\S+)", column))


def words_of(text: str) -> set[str]:
    return set(ask("SELECT tsvector_to_array(sync_search(%s, '', '', ''))", text))


def test_the_title_weighs_most_and_every_text_counts() -> None:
    bug = BugFactory.create(title="one", actual_result="two", steps=["three", "four"], expected_result="five")
    assert words(bug) == {"one": "1A", "two": "2B", "three": "3C", "four": "4C", "five": "5"}
    test = TestFactory.create(title="one", goal="two", instructions="three", out_of_scope="four")
    assert words(test) == {"one": "1A", "two": "2B", "three": "3C", "four": "4"}
    feature = FeatureFactory.create(title="one", description="three", howtofind="four")
    UserStoryFactory.create(feature=feature, title="two")
    assert words(feature) == {"one": "1A", "two": "2B", "three": "3C", "four": "4"}
    product = ProductFactory.create(name="one", product_type="two", description="three")
    assert words(product) == {"one": "1A", "two": "2B", "three": "3C"}


def test_words_follow_whatever_writes_the_row() -> None:
    feature = FeatureFactory.create(title="one")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_feature SET title = 'two' WHERE id = %s", [feature.pk])
    assert words(feature) == {"two": "1A"}
    synced = ("raw", "fingerprint", "notes", "missing_since")
    target = Target(Feature, ("id", "product_id", "title", "description", "howtofind", *synced))
    with transaction.atomic():
        merge(target, [(feature.pk, feature.product_id, "three", "", "", "{}", b"", [], None)])
    assert words(feature) == {"three": "1A"}
    feature.refresh_from_db()
    feature.description = "four"
    feature.save()
    assert words(feature) == {"three": "1A", "four": "2C"}


def test_user_stories_count_for_their_feature_as_long_as_testio_has_them() -> None:
    feature, other = FeatureFactory.create(title="one"), FeatureFactory.create(title="other")
    story = UserStoryFactory.create(feature=feature, title="two")
    later = UserStoryFactory.create(feature=feature, title="three")
    assert words(feature) == {"one": "1A", "two": "2B", "three": "3B"}
    UserStory.objects.filter(pk=story.pk).update(missing_since="2026-03-01T12:00Z")
    assert words(feature) == {"one": "1A", "three": "2B"}
    UserStory.objects.filter(pk=later.pk).update(title="four")
    assert words(feature) == {"one": "1A", "four": "2B"}
    UserStory.objects.filter(pk=later.pk).delete()
    assert words(feature) == {"one": "1A"}
    assert words(other) == {"other": "1A"}


def test_stories_that_stay_as_they_are_leave_their_feature_alone() -> None:
    story = UserStoryFactory.create(title="two")
    version = "SELECT xmin::text || ctid::text FROM sync_feature WHERE id = %s"
    before = ask(version, story.feature_id)
    UserStory.objects.filter(pk=story.pk).update(title="two", path="/elsewhere")
    assert ask(version, story.feature_id) == before


def test_lists_leave_the_words_in_the_database() -> None:
    BugFactory.create(), FeatureFactory.create()
    for model in (Product, Feature, Test, Bug):
        assert "search" in model.objects.get_queryset()[0].get_deferred_fields()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Résumé RÉSUMÉ resume", {"resume"}),
        ("Straße GROẞ", {"strasse", "gross"}),
        ("İstanbul ışık", {"istanbul", "isik"}),
        ("Cafe\u0301 und Zu\u0308rich", {"cafe", "und", "zurich"}),
        ("ПРИВЕТ ὈΔΥΣΣΕΎΣ", {"привет", "οδυσσευσ"}),
        ("ﬁnale ｆｕｌｌ", {"finale", "full"}),
        ("zero\u200bwidth so\u00adft", {"zerowidth", "soft"}),
        ("checkout🚀go", {"checkout", "go"}),
        (
            "foo/bar http://example.com/a-b?c=d me@example.com",
            {"a", "b", "c", "d", "foo", "bar", "http", "example", "com", "me"},
        ),
        ("ABC-123 -5 +6 1.5 <b>bold</b> &amp; x_y", {"abc", "123", "5", "6", "1", "b", "bold", "amp", "x", "y"}),
        ("", set()),
    ],
)
def test_a_text_is_cut_at_all_that_is_no_letter_or_digit(text: str, found: set[str]) -> None:
    assert words_of(text) == found


@given(st.text(st.characters(max_codepoint=126, exclude_characters="\0"), max_size=100))
def test_ascii_takes_the_short_way_to_the_same_words(text: str) -> None:
    assert words_of(text) == words_of(text + " é") - {"e"} | ({"e"} & words_of(text))
    assert words_of(text) == set(re.findall("[a-z0-9]+", text.lower()))


@given(texts)
def test_any_text_can_be_stored(text: str) -> None:
    with transaction.atomic():
        bug = BugFactory.build(id=1, product=None, test=None, author=None, title=text)
        ask("SELECT length(sync_search(%s, %s, sync_search_join(%s), %s))", bug.title, text, [text, text], text)


@pytest.mark.parametrize("text", ["x" * 3_000, "ﷺ" * 100_000, "\U0001d54b" * 60_000, "é " * 500_000])
def test_no_text_is_too_long_to_be_stored(text: str) -> None:
    bug = BugFactory.create(title=text, actual_result=text, steps=[text], expected_result=text)
    assert Bug.objects.get(pk=bug.pk).title == text


def test_a_million_different_words_can_be_stored() -> None:
    text = " ".join(f"{number:x}ß" for number in range(300_000))
    bug = BugFactory.create(title=text, actual_result=text, steps=[text[1:]], expected_result=text[2:])
    assert len(words(bug)) > 1_000


def test_the_words_are_made_under_any_search_path() -> None:
    """As when a backup is restored, or statistics are gathered."""
    bug = BugFactory.create(title="one")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute("UPDATE public.sync_bug SET title = 'zwei: größer', steps = '{drei}' WHERE id = %s", [bug.pk])
        cursor.execute("SET LOCAL search_path TO DEFAULT")
    assert words(bug) == {"zwei": "1A", "grosser": "2A", "drei": "3C"}
