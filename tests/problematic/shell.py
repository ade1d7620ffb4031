"""`manage.py ...` without the cost of another process, with the exit code a shell would see."""

import io
from contextlib import redirect_stderr, redirect_stdout

from django.core.management import get_commands, load_command_class

from tests.sync.support import Outcome


def manage(name: str, *argv: str) -> Outcome:
    """Lines come without the blanks that tables are filled up with."""
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(stdout), redirect_stderr(stderr):
        command = load_command_class(str(get_commands()[name]), name)
        try:
            command.run_from_argv(["manage.py", name, *argv])
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, without_padding(stdout.getvalue()), stderr.getvalue())


def desk(*argv: str) -> Outcome:
    """`manage.py problematic ...`"""
    return manage("problematic", *argv)


def without_padding(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
