"""A data folder of its own for each measurement: a fresh built-in PostgreSQL with its normal durability."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testio_site.environment import Environment
from testio_site.postgres import throwaway


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """The environment for a child process with a fresh data folder, which is removed in the end, server and all.

    Nothing of our own configuration, and no `.env`, reaches the child. It may call the sandbox, which is on this
    machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="testio-desk-bench-"))
    ours = {name.upper() for name in Environment.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    try:
        yield kept | {"DATA_DIR": str(folder), "ENV_FILE": "", "TESTIO_ALLOW_PRIVATE_ADDRESSES": "true"}
    finally:
        throwaway.remove(folder)
