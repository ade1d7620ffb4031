import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from sync.models import Bug, Person
from sync.store import People
from tests.factories import CustomerFactory, PersonFactory
from tests.sync.store.support import Shop, a_bug, a_test, queries

TESTER, CUSTOMER = Person.Kind.TESTER, Person.Kind.CUSTOMER


@pytest.mark.django_db
def test_each_name_becomes_one_person_per_role_and_customer() -> None:
    people = People(CustomerFactory.create().pk)
    people.learn(TESTER, ["tess", "", "tom", "tess"])
    people.learn(CUSTOMER, ["tess"])
    kept = [(person.kind, person.username) for person in Person.objects.order_by("kind", "username")]
    assert kept == [("customer", "tess"), ("tester", "tess"), ("tester", "tom")]
    assert people.id_of(TESTER, "tess") == Person.objects.get(kind="tester", username="tess").pk
    assert [people.id_of(TESTER, ""), people.id_of(CUSTOMER, "tom")] == [None, None]


@pytest.mark.django_db
def test_people_of_earlier_runs_are_found_and_those_of_other_customers_are_not() -> None:
    known, foreign = PersonFactory.create(username="tess"), PersonFactory.create(username="tom")
    people = People(known.customer_id)
    people.learn(TESTER, ["tess", "tom"])
    assert people.id_of(TESTER, "tess") == known.pk
    assert people.id_of(TESTER, "tom") not in (None, foreign.pk)


@pytest.mark.django_db
def test_a_name_is_asked_for_once() -> None:
    people = People(CustomerFactory.create().pk)
    people.learn(TESTER, ["tess"])
    assert queries(lambda: people.learn(TESTER, ["tess", ""])) == 0


@pytest.mark.django_db(transaction=True)
def test_writers_that_meet_the_same_new_people_at_once_do_not_block_each_other() -> None:
    customer = CustomerFactory.create()
    shops = [Shop.open(customer=customer) for _ in range(3)]
    names = [f"tester {number}" for number in range(30)]
    together = threading.Barrier(len(shops), timeout=20)

    def work(number: int) -> None:
        shop, dice = shops[number], random.Random(number)
        try:
            shop.save_tests(a_test(number + 1, created_by=names[0], section=None, features=[]))
            for turn in range(10):
                met = dice.sample(names, 10)
                together.wait()
                first = 1000 * number + 100 * turn
                bugs = [a_bug(first + each, number + 1, author=f"{name} {turn}") for each, name in enumerate(met, 1)]
                shop.save_bugs(*bugs)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(shops)) as pool:
        for job in [pool.submit(work, number) for number in range(len(shops))]:
            job.result(60)
    authors = [bug.author and bug.author.username for bug in Bug.objects.select_related("author")]
    assert (len(authors), None in authors) == (300, False)
    assert Person.objects.filter(kind=TESTER).count() == len(set(authors))
