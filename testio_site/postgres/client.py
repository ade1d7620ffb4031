"""`manage.py dbshell` with the built-in server: its own psql, on its own socket."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgreSQLClient

from testio_site import embedded
from testio_site.postgres.launcher import programs


class DatabaseClient(PostgreSQLClient):
    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        home = settings_dict.get("EMBEDDED")
        if home is None:
            return super().settings_to_cmd_args_env(settings_dict, parameters)
        address = {name.upper(): value for name, value in embedded.server(home).parameters().items()}
        arguments, variables = super().settings_to_cmd_args_env(settings_dict | address, parameters)
        return [str(programs(home) / "bin" / "psql"), *arguments[1:]], variables
