"""How PostgreSQL is to plan what the cube asks: for all of it, and otherwise where a query is better off so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from django.db import connection

from sync.snapshot import snapshot

Plan = Mapping[str, str]

USUAL: Plan = MappingProxyType(
    {
        "work_mem": "64MB",  # for whole tables of groups
        # Two cores shared by everybody who looks: one question takes one of them.
        "max_parallel_workers_per_gather": "0",
        # Indexes have bugs and covered features in the order of their tests: to merge them takes no table in memory.
        "enable_hashjoin": "off",
        # Compiling a question takes longer than it does; the built-in server never compiles, others do by default.
        "jit": "off",
    }
)
#: It sorts what is nearly in order instead of hashing all of it: that takes a third less.
LITTLE_MEMORY: Plan = MappingProxyType({"work_mem": "4MB"})
#: For what has no order.
HASHED: Plan = MappingProxyType({"enable_hashjoin": "on"})


@contextmanager
def one_moment() -> Iterator[None]:
    """All counting within sees the same rows, also while a sync writes (see ``snapshot``)."""
    with snapshot():
        _tell(USUAL)
        yield


@contextmanager
def planned(plan: Plan) -> Iterator[None]:
    """What is asked within is planned like that. Within ``one_moment``."""
    _tell(plan)
    yield
    _tell({name: USUAL[name] for name in plan})


def _tell(plan: Plan) -> None:
    """Until the transaction ends."""
    if not plan:
        return
    settings = ", ".join(["set_config(%s, %s, TRUE)"] * len(plan))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {settings}", [text for setting in plan.items() for text in setting])
