"""One first sync into a fresh database, for comparing sizes: no latency, so that our own work is what is measured."""

from typing import Any

from django.core.management import call_command

from bench.first_sync import add_customer, first_sync


def measure(*, base_url: str, sandbox_pid: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    add_customer(base_url)
    return first_sync(sandbox_pid)
