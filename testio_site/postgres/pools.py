"""One connection pool per database and process.

A pool is threads and sockets. A forked child inherits the sockets and not the threads, so it forgets the pool and
every connection, without a word to the server, and makes its own when it first connects.
"""

import atexit
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg_pool import ConnectionPool

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

_pools: dict[tuple[str, str], Pool] = {}
_guard = threading.Lock()
_wrappers: WeakKeyDictionary[BaseDatabaseWrapper, threading.Thread] = WeakKeyDictionary()
_connections: WeakSet[Connection] = WeakSet()
_inherited: list[object] = []


def pool_for(key: tuple[str, str], make: Callable[[], Pool]) -> Pool:
    """The pool of `key`, an alias and a database name; one per process, whichever thread asks first."""
    pool = _pools.get(key)
    if pool is not None:
        return pool
    with _guard:
        if key not in _pools:
            _pools[key] = make()
        return _pools[key]


def close_pools(alias: str | None = None) -> None:
    """Close the pools of this process, or of one alias, and the idle connections with them."""
    with _guard:
        for key in [key for key in _pools if alias in (None, key[0])]:
            _pools.pop(key).close()


def close_pools_at_exit() -> None:
    """Before everything registered until now, such as leaving the built-in server."""
    atexit.unregister(close_pools)
    atexit.register(close_pools)


def watch(wrapper: BaseDatabaseWrapper) -> None:
    """Remember `wrapper` and its thread, so that a forked child can make it forget its connection."""
    _wrappers[wrapper] = threading.current_thread()


def watch_connection(connection: Connection) -> None:
    """Remember a pooled connection, so that a forked child can let go of its socket."""
    _connections.add(connection)


def lost() -> int:
    """How many connections the pools of this process miss because a thread ended without closing its own.

    One that is just being opened counts too, so ask again before believing it.
    """
    statistics = [pool.get_stats() for pool in list(_pools.values())]
    lent = sum(numbers["pool_size"] - numbers["pool_available"] for numbers in statistics)
    in_use = [thread for wrapper, thread in list(_wrappers.items()) if wrapper.connection is not None]
    return max(0, lent - sum(thread.is_alive() for thread in in_use))


def _forget_inherited() -> None:
    global _guard
    _guard = threading.Lock()
    in_use = [wrapper for wrapper in list(_wrappers) if wrapper.connection is not None]
    connections = {*_connections, *(wrapper.connection for wrapper in in_use)}
    # Kept, not freed: their finalizers would say goodbye to the server or wait for threads the child does not have.
    _inherited.extend([*_pools.values(), *connections])
    _pools.clear()
    for wrapper in in_use:
        wrapper.connection = None
        wrapper.in_atomic_block = False
        wrapper.savepoint_ids = []
        wrapper.atomic_blocks = []
        wrapper.run_on_commit = []
        wrapper.needs_rollback = False
    _connections.clear()
    _close_quietly(connections)


def _close_quietly(connections: Iterable[Connection]) -> None:
    """Let go of the child's copies of the sockets, so that the server sees the parent's end when it comes."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for connection in connections:
        with suppress(psycopg.Error):
            os.dup2(nowhere, connection.fileno(), inheritable=False)
    os.close(nowhere)


os.register_at_fork(after_in_child=_forget_inherited)
