"""Test databases beside a pool: no idle connection may keep one from being dropped or copied."""

from typing import Any

from django.db.backends.postgresql.creation import DatabaseCreation as PostgreSQLCreation


class DatabaseCreation(PostgreSQLCreation):
    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        self.connection.close()
        self.connection.close_pool()
        return super().create_test_db(*args, **kwargs)
