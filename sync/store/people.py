"""Names into person ids, once per run."""

from collections.abc import Iterable
from threading import Lock

from sync.models import Person


class People:
    """The people of one customer, by role and name; shared by all threads of a run.

    New names are stored outside the page's transaction, in one order: two products that meet the same new
    tester at once would otherwise wait for each other's rows, and could do so crosswise.
    """

    def __init__(self, customer_id: int) -> None:
        self._customer_id = customer_id
        self._ids: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def learn(self, kind: Person.Kind, names: Iterable[str]) -> None:
        """Make sure every non-empty name has an id. Call it before the transaction that uses them."""
        with self._lock:
            unknown = sorted({name for name in names if name and (kind, name) not in self._ids})
            if not unknown:
                return
            people = Person.objects.filter(customer_id=self._customer_id, kind=kind, username__in=unknown)
            self._remember(people)
            fresh = [name for name in unknown if (kind, name) not in self._ids]
            if fresh:
                Person.objects.bulk_create(
                    [Person(customer_id=self._customer_id, kind=kind, username=name) for name in fresh],
                    ignore_conflicts=True,
                )
                self._remember(people.all())

    def id_of(self, kind: Person.Kind, name: str) -> int | None:
        return self._ids.get((kind, name))

    def _remember(self, people: Iterable[Person]) -> None:
        self._ids.update({(person.kind, person.username): person.pk for person in people})
