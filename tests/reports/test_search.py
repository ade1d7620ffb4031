"""What is found, in which order, and how it is shown; for programs and for people alike."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from reports.search import NothingToSearch, candidates, understand
from reports.search.documents import SearchPage
from reports.search.highlight import Part, marked, snippet
from reports.search.words import Parsed
from sync.models import Bug, Test
from tests.factories import (
    MARCH,
    BugFactory,
    CustomerFactory,
    FeatureFactory,
    ProductFactory,
    TestFactory,
    UserStoryFactory,
)
from tests.sync.api.calling import V1, as_published, reader, refusal

pytestmark = pytest.mark.django_db

Found = list[tuple[str, int]]


@pytest.fixture
def everyone() -> Client:
    return reader()


def page(client: Client, q: str, **parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = as_published(client.get(f"{V1}/search", {"q": q, **parameters}), SearchPage)
    return found


def found(client: Client, q: str, **parameters: Any) -> Found:
    return [(result["type"], result["id"]) for result in page(client, q, **parameters)["results"]]


def bugs(client: Client, q: str, **parameters: Any) -> set[int]:
    return {pk for _, pk in found(client, q, type="bug", **parameters)}


def bug(title: str, **values: Any) -> int:
    return BugFactory.create(title=title, **values).pk


# Words ----------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=600))
def test_any_text_is_a_question_or_nothing_to_search_for(text: str) -> None:
    try:
        question = understand(text)
    except NothingToSearch:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_tsvector('simple', 'x') @@ each::tsquery FROM unnest(%s::text[]) AS each",
            [[question.match, question.title, question.loose]],
        )
    list(Bug.objects.filter(search=Parsed(question.match)))


@given(st.lists(st.sampled_from(['"', "-", "*", " ", "a", "1", ":", "&", "|", "!", "(", ")", "'", "\\", "<->", "ß"])))
def test_no_punctuation_breaks_a_question(parts: list[str]) -> None:
    try:
        question = understand("".join(parts))
    except NothingToSearch:
        return
    list(Bug.objects.filter(search=Parsed(question.match)))


@pytest.mark.parametrize("q", ["-word", '"', "…", "*", "- -", '-"two words"', " x" * 17, "🚀"])
def test_what_holds_no_word_to_look_for_finds_nothing_and_says_why(everyone: Client, q: str) -> None:
    bug("cart and total")
    answer = everyone.get(f"{V1}/search", {"q": q}).json()
    assert (answer["results"], bool(answer["note"])) == ([], True)


def test_all_words_must_be_there(everyone: Client) -> None:
    both, _ = bug("cart and total"), bug("cart alone")
    assert bugs(everyone, "total cart") == {both}


def test_the_last_word_may_be_unfinished_and_others_when_they_say_so(everyone: Client) -> None:
    pk = bug("checkout shows nothing")
    assert bugs(everyone, "shows check") == {pk}
    assert bugs(everyone, "check shows") == set()
    assert bugs(everyone, "check* shows") == {pk}
    assert bugs(everyone, "c") == {pk}


def test_a_last_word_that_ends_with_a_digit_is_finished(everyone: Client) -> None:
    pk = bug("see SHOP-12")
    bug("see SHOP-123")
    assert bugs(everyone, "SHOP-12") == {pk}
    assert len(bugs(everyone, "SHOP-12*")) == 2


def test_a_quoted_phrase_is_found_in_its_order(everyone: Client) -> None:
    pk, _ = bug("the discount code expired"), bug("the code of the discount")
    assert bugs(everyone, '"discount code"') == {pk}
    assert bugs(everyone, "„discount code“") == {pk}
    assert len(bugs(everyone, "discount code")) == 2
    assert bugs(everyone, '"discount cod"') == set()
    assert bugs(everyone, '"discount cod"*') == {pk}


def test_an_excluded_word_or_phrase_must_not_be_there(everyone: Client) -> None:
    one, two = bug("cart on android"), bug("cart on the web")
    assert bugs(everyone, "cart -android") == {two}
    assert bugs(everyone, 'cart -"the web"') == {one}
    assert bugs(everyone, 'cart -"web the"') == {one, two}
    assert bugs(everyone, "cart --force") == set()


def test_hyphens_and_paths_are_words_in_a_row(everyone: Client) -> None:
    pk = bug("sign-in at example.com/account fails")
    bug("in a sign")
    for q in ("sign-in", "sign in fails", "example.com", "account", "/account", "example.com/acc"):
        assert pk in bugs(everyone, q)
    assert bugs(everyone, "sign-in") == {pk}


def test_accents_and_case_do_not_matter(everyone: Client) -> None:
    resume, street, city = bug("Résumé upload"), bug("Straße fehlt"), bug("İstanbul yok")
    assert bugs(everyone, "resume upload") == bugs(everyone, "RÉSUMÉ UPLOAD") == {resume}
    assert bugs(everyone, "strasse fehlt") == bugs(everyone, "STRAẞE fehlt") == {street}
    assert bugs(everyone, "istanbul") == bugs(everyone, "İSTANBUL") == {city}


def test_other_forms_of_a_word_are_found_and_other_words_are_not(everyone: Client) -> None:
    pk = bug("App crashed while switching images")
    assert bugs(everyone, "crashes app") == bugs(everyone, "switch image crash app") == {pk}
    assert bugs(everyone, "cras app") == set()
    bilder = bug("Bilder fehlen hier")
    assert bugs(everyone, "Bild hier") == {bilder}


def test_a_number_alone_also_finds_the_record_with_it(everyone: Client) -> None:
    pk = bug("one")
    mentions = bug(f"the same as {pk}")
    test = Bug.objects.get(pk=pk).test
    assert test is not None
    assert found(everyone, f"#{pk}") == [("bug", pk), ("bug", mentions)]
    assert found(everyone, str(test.pk))[0] == ("test", test.pk)
    assert found(everyone, str(test.product_id))[0] == ("product", test.product_id)
    assert found(everyone, "9" * 19) == []


# Order and filters ----------------------------------------------------------------------------------------------------


def test_titles_come_before_texts_and_the_newest_of_equals_first(everyone: Client) -> None:
    text = bug("one", actual_result="voucher " * 30)
    older, newer = bug("voucher"), bug("voucher")
    test = TestFactory.create(title="voucher").pk
    assert found(everyone, "voucher") == [("test", test), ("bug", newer), ("bug", older), ("bug", text)]


def test_all_kinds_are_found_with_what_there_is_to_know_of_them(everyone: Client) -> None:
    product = ProductFactory.create(name="Voucher shop", customer__name="acme")
    feature = FeatureFactory.create(product=product, title="Redeem")
    UserStoryFactory.create(feature=feature, title="As a guest I redeem a voucher")
    test = TestFactory.create(product=product, title="Round", goal="Break the voucher", end_at=MARCH)
    BugFactory.create(test=test, title="Odd", steps=["Type a voucher"], reported_at=MARCH)
    results = {each["type"]: each for each in page(everyone, "voucher")["results"]}
    assert {kind: each["date"] for kind, each in results.items()} == {
        "product": None, "feature": None, "test": "2026-03-01T12:00:00Z", "bug": "2026-03-01T12:00:00Z"
    }  # fmt: skip
    assert {(each["product_id"], each["product"], each["customer"]) for each in results.values()} == {
        (product.pk, "Voucher shop", "acme")
    }
    assert results["test"]["snippet"] == [
        {"text": "Break the ", "match": False}, {"text": "voucher", "match": True}
    ]  # fmt: skip
    assert results["product"]["title_parts"] == [
        {"text": "Voucher", "match": True}, {"text": " shop", "match": False}
    ]  # fmt: skip
    assert results["bug"]["snippet"][-1] == {"text": "voucher", "match": True}


def test_results_are_narrowed_by_kind_product_customer_and_day(everyone: Client) -> None:
    test = TestFactory.create(title="voucher", end_at=MARCH, product=ProductFactory.create(name="voucher"))
    one = bug("voucher", test=test, reported_at=MARCH)
    other = bug("voucher", reported_at=MARCH - timedelta(days=40))
    product, owner = test.product, test.product.customer.name
    mine = [("product", product.pk), ("test", test.pk), ("bug", one)]
    assert found(everyone, "voucher", product_id=product.pk) == mine
    assert found(everyone, "voucher", customer=owner) == mine
    assert found(everyone, "voucher", customer=owner, type="bug,test") == mine[1:]
    assert found(everyone, "voucher", since="2026-03-01", until="2026-03-01") == mine[1:]
    assert found(everyone, "voucher", until="2026-02-01") == [("bug", other)]
    assert [each["type"] for each in page(everyone, "voucher", until="2026-02-01")["searched"]] == ["test", "bug"]


def test_kinds_without_a_date_are_not_found_by_one_and_the_answer_says_so(everyone: Client) -> None:
    ProductFactory.create(name="voucher")
    dated = everyone.get(f"{V1}/search", {"q": "voucher", "type": "product", "since": "yesterday"}).json()
    assert dated["results"] == []
    assert dated["note"].startswith("Products and features have no date.")


def test_odd_values_are_refused_by_name(everyone: Client) -> None:
    refused: dict[str, dict[str, Any]] = {
        "since": {"since": "03/04/2026"},
        "limit": {"limit": 0},
        "words": {"words": "x"},
    }
    for parameter, values in refused.items():
        assert set(refusal(everyone.get(f"{V1}/search", {"q": "x", **values}))) == {parameter}
    assert "type" in next(iter(refusal(everyone.get(f"{V1}/search", {"q": "x", "type": "person"}))))


def test_everybody_finds_only_what_is_theirs_numbers_and_counts_included() -> None:
    mine, theirs = CustomerFactory.create(), CustomerFactory.create()
    for customer in (mine, theirs):
        test = TestFactory.create(title="voucher", product=ProductFactory.create(name="voucher", customer=customer))
        FeatureFactory.create(title="voucher", product=test.product)
        bug("voucher", test=test)
    hidden = Bug.objects.get(product__customer=theirs)
    client = reader(mine)
    answer = page(client, "voucher")
    assert {result["customer"] for result in answer["results"]} == {mine.name}
    assert [each["ranked"] for each in answer["searched"]] == [1, 1, 1, 1]
    assert found(client, str(hidden.pk)) == found(client, str(hidden.product_id)) == []
    assert client.get(f"{V1}/search?q=voucher&product_id={hidden.product_id}").status_code == 404
    assert client.get(f"{V1}/search", {"q": "voucher", "customer": theirs.name}).status_code == 404


# Pages and price ------------------------------------------------------------------------------------------------------


def pages(client: Client, q: str, between: Any = lambda: None, **parameters: Any) -> list[Found]:
    """All pages, with something done after each."""
    listed: list[Found] = []
    cursor: dict[str, str] = {}
    while True:
        answer = page(client, q, **parameters, **cursor)
        listed.append([(each["type"], each["id"]) for each in answer["results"]])
        if answer["next_cursor"] is None:
            return listed
        cursor = {"cursor": answer["next_cursor"]}
        between()


def test_pages_stay_in_step_while_rows_are_inserted(everyone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "RANKED", 8)
    test = TestFactory.create(title="voucher")
    for number in range(12):
        bug("voucher" if number % 3 else "one", actual_result="voucher", test=test)
    first = page(everyone, "voucher", limit=100)
    whole = [(each["type"], each["id"]) for each in first["results"]]
    assert first["searched"][-1] == {"type": "bug", "ranked": 8, "more": True}
    assert len(whole) == 9

    def insert() -> None:
        bug("voucher", test=test)  # newer than all that are ranked
        BugFactory.create(id=Bug.objects.order_by("pk")[0].pk - 1, title="voucher", test=test)  # and older than all

    listed = pages(everyone, "voucher", insert, limit=2)
    assert [hit for each in listed for hit in each] == whole
    assert [len(each) for each in listed] == [2, 2, 2, 2, 1]


@pytest.mark.parametrize("q", ["voucher", '"old voucher"', "vouch", "voucher -new"])
def test_what_a_short_walk_does_not_find_the_index_does(
    everyone: Client, monkeypatch: pytest.MonkeyPatch, q: str
) -> None:
    test = TestFactory.create(title="one")
    old = [bug("old voucher", test=test) for _ in range(3)]
    for _ in range(4):
        bug("something else", test=test)
    monkeypatch.setattr(candidates, "WALK", 2)
    assert found(everyone, q, type="bug") == [("bug", pk) for pk in reversed(old)]
    assert [len(each) for each in pages(everyone, q, type="bug", limit=1)] == [1, 1, 1]


@pytest.mark.parametrize("further", [1, 4, 10**12])
@pytest.mark.parametrize("q", ["voucher", '"old voucher"'])
def test_pages_come_to_all_that_are_ranked_however_they_are_found(
    everyone: Client, monkeypatch: pytest.MonkeyPatch, q: str, further: int
) -> None:
    test = TestFactory.create(title="one")
    matching = [bug("old voucher" if number % 2 else "one", test=test) for number in range(40)][1::2]
    monkeypatch.setattr(candidates, "RANKED", 9)
    monkeypatch.setattr(candidates, "WALK", 6)
    monkeypatch.setattr(candidates, "FURTHER", further)
    listed = pages(everyone, q, type="bug", limit=2)
    assert [hit for each in listed for hit in each] == [("bug", pk) for pk in matching[:-10:-1]]
    assert page(everyone, q, type="bug")["searched"] == [{"type": "bug", "ranked": 9, "more": True}]


def test_of_a_phrase_only_so_many_rows_with_its_words_are_looked_at(
    everyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "WALK", 1)
    monkeypatch.setattr(candidates, "HORIZON", 2)
    test = TestFactory.create(title="one")
    bug("discount code", test=test)
    seen = bug("discount code", test=test)
    bug("code discount", test=test)
    answer = page(everyone, '"discount code"', type="bug")
    assert [each["id"] for each in answer["results"]] == [seen]
    assert answer["searched"] == [{"type": "bug", "ranked": 1, "more": True}]


def test_a_cursor_is_good_for_its_own_search_only(everyone: Client) -> None:
    bug("voucher"), bug("voucher")
    cursor = page(everyone, "voucher", limit=1)["next_cursor"]
    assert page(everyone, "voucher", limit=50, cursor=cursor)["next_cursor"] is None
    answer = everyone.get(f"{V1}/search", {"q": "other", "cursor": cursor})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (404, ["cursor"])


def test_the_number_of_statements_does_not_depend_on_the_number_of_results(everyone: Client) -> None:
    counts = []
    for rows in (1, 2, 22):
        for _ in range(rows):
            test = TestFactory.create(title="voucher", product=ProductFactory.create(name="voucher"))
            FeatureFactory.create(title="voucher", product=test.product)
            bug("voucher", test=test)
        with CaptureQueriesContext(connection) as queries:
            assert len(page(everyone, "voucher", limit=100)["results"]) == 4 * Test.objects.count()
        counts.append(len(queries))
    assert len(set(counts)) == 1


# Texts ----------------------------------------------------------------------------------------------------------------


def test_marked_texts_are_the_texts_and_nothing_else() -> None:
    question = understand('straße "discount code" vouch')
    text = "<b>STRASSE</b>, Code; Vouchers & Stra\u00adße"
    parts = marked(text, question)
    assert "".join(part.text for part in parts) == text
    assert [part.text for part in parts if part.match] == ["STRASSE", "Code", "Vouchers", "Stra\u00adße"]


def test_a_snippet_is_cut_around_the_first_match() -> None:
    question = understand("voucher")
    long = "word " * 200
    parts = snippet(["nothing", long + "the voucher here " + long], question)
    assert Part("voucher", match=True) in parts
    assert (parts[0], parts[-1]) == (Part("… ", match=False), Part(" …", match=False))
    assert sum(len(part.text) for part in parts) < 300
    assert snippet(["", "nothing of it"], question) == [Part("nothing of it", match=False)]
    assert snippet([], question) == []


@given(st.text(max_size=400), st.text(st.sampled_from("aäß -1\u0301"), min_size=1, max_size=5))
def test_any_text_is_marked_without_losing_a_character(text: str, q: str) -> None:
    try:
        question = understand(q)
    except NothingToSearch:
        return
    assert "".join(part.text for part in marked(text, question)) == text
    snippet([text], question)
