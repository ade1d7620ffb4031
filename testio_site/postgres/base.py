"""The database engine: Django's for PostgreSQL, with the built-in server and with pools that survive forks.

`DATABASES["default"]["EMBEDDED"]` is the folder of the built-in server, when that is to be used; it is started by the
first connection, never by an import. Cursors on the server end with their transaction (`streams`).
"""

from typing import TYPE_CHECKING, Any

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base as postgresql
from django.db.backends.postgresql.psycopg_any import register_tzloader
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from testio_site import embedded
from testio_site.postgres import pools
from testio_site.postgres.client import DatabaseClient
from testio_site.postgres.creation import DatabaseCreation
from testio_site.postgres.streams import Stream, Streams

if TYPE_CHECKING:

    class _Parent(postgresql.DatabaseWrapper):
        """With the methods that django-stubs leaves out."""

        def _configure_connection(self, connection: psycopg.Connection[Any]) -> bool: ...
        def _commit(self) -> None: ...
        def _rollback(self) -> None: ...
        def _savepoint_rollback(self, sid: str) -> None: ...
        def _close(self) -> None: ...

else:
    _Parent = postgresql.DatabaseWrapper


class DatabaseWrapper(_Parent):
    client_class = DatabaseClient
    creation_class = DatabaseCreation

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._streams = Streams()
        pools.watch(self)

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        home = self.settings_dict.get("EMBEDDED")
        return params if home is None else params | embedded.server(home).parameters()

    def get_new_connection(self, conn_params: dict[str, Any]) -> pools.Connection:
        if self.pool is not None and self.pool.closed:
            # The first one without the pool: it fails at once and says why, where the pool would only time out.
            psycopg.connect(**conn_params).close()
            pools.close_pools_at_exit()
        connection: pools.Connection = super().get_new_connection(conn_params)
        return connection

    @property
    def pool(self) -> pools.Pool | None:
        """The process's pool for this database, opened by its first connection; None where there is no pooling."""
        if self.alias == NO_DB_ALIAS or not self.settings_dict["OPTIONS"].get("pool"):
            return None
        return pools.pool_for((self.alias, self.settings_dict["NAME"]), self._make_pool)

    def close_pool(self) -> None:
        pools.close_pools(self.alias)

    def _make_pool(self) -> pools.Pool:
        return ConnectionPool(
            kwargs=self._pooled_params,  # asked for every connection, so a built-in server that died is started again
            open=False,
            configure=self._configure_pooled,
            check=ConnectionPool.check_connection if self.settings_dict["CONN_HEALTH_CHECKS"] else None,
            name=self.alias,
            **self.settings_dict["OPTIONS"]["pool"],
        )

    def _configure_pooled(self, connection: psycopg.Connection[Any]) -> None:
        pools.watch_connection(connection)
        self._configure_connection(connection)

    def _pooled_params(self) -> dict[str, Any]:
        return self.get_connection_params() | {"autocommit": True}

    # Cursors on the server --------------------------------------------------------------------------------------------

    def create_cursor(self, name: str | None = None) -> Any:
        if not name:
            return super().create_cursor()
        # As Django makes one, of a class of ours.
        stream = Stream(self.connection, name, scrollable=False, withhold=self.connection.autocommit)
        stream.savepoints = (*self.savepoint_ids,)
        if self.timezone != self.connection.adapters.get_loader(postgresql.TIMESTAMPTZ_OID, Format.TEXT).timezone:
            register_tzloader(self.timezone, stream)
        self._streams.add(stream)
        return stream

    def _commit(self) -> None:
        super()._commit()
        self._streams.close_ended()

    def _rollback(self) -> None:
        super()._rollback()
        self._streams.close_ended()

    def _savepoint_rollback(self, sid: str) -> None:
        self._streams.close_within(sid)
        super()._savepoint_rollback(sid)

    def _close(self) -> None:
        self._streams.close_all()
        super()._close()
