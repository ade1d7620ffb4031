"""`manage.py ...` without the cost of another process, with the exit code a shell would see."""

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from django.core.management import BaseCommand, CommandError, get_commands, load_command_class

from sync.management.base import USAGE
from tests.sync.support import Outcome


def manage(name: str, *argv: str) -> Outcome:
    """Does what ``BaseCommand.run_from_argv`` does, but leaves the test's connection open.

    Lines come without the blanks that tables are filled up with.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        command = load_command_class(str(get_commands()[name]), name)
        try:
            options = vars(command.create_parser("manage.py", name).parse_args(argv))
        except CommandError as error:
            return Outcome(USAGE, stdout.getvalue(), str(error))
        code = _execute(command, options)
    return Outcome(code, without_padding(stdout.getvalue()), stderr.getvalue())


def _execute(command: BaseCommand, options: dict[str, Any]) -> int:
    try:
        command.execute(*options.pop("args", ()), **options)
    except CommandError as error:
        command.stderr.write(f"{type(error).__name__}: {error}")
        return error.returncode
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def desk(*argv: str) -> Outcome:
    """`manage.py problematic ...`"""
    return manage("problematic", *argv)


def without_padding(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
