import io
import sys
from collections.abc import Callable

import pytest
from django.core.management import load_command_class
from pytest_django import Settings

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.sync.support import Outcome, make_customer, world_of

Manage = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def small_pages(settings: Settings) -> None:
    settings.TESTIO_PAGE_SIZE = 10


@pytest.fixture
def world() -> World:
    return world_of()


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox, is_default=True)


@pytest.fixture
def manage(transactional_db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Manage:
    """Run a command of ours as `manage.py` would, in this process: ``manage("sync", "--full", stdin="yes")``."""

    def run(*argv: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        app = "sync"
        capsys.readouterr()
        code = 0
        try:
            load_command_class(app, argv[0]).run_from_argv(["manage.py", *argv])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
