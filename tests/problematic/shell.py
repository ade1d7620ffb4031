"""`manage.py ...` without the cost of another process, with the exit code a shell would see."""

import io
from contextlib import redirect_stderr, redirect_stdout

from django.core.management import CommandError, get_commands, load_command_class

from tests.sync.support import Outcome


def manage(name: str, *argv: str) -> Outcome:
    """Does what ``BaseCommand.run_from_argv`` does, but leaves the test's connection open.

    Lines come without the blanks that tables are filled up with.
    """
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(stdout), redirect_stderr(stderr):
        command = load_command_class(str(get_commands()[name]), name)
        command._called_from_command_line = True  # so that wrong usage ends with the parser's own exit code
        try:
            options = vars(command.create_parser("manage.py", name).parse_args(argv))
            command.execute(*options.pop("args", ()), **options)
        except CommandError as error:
            command.stderr.write(f"{type(error).__name__}: {error}")
            code = error.returncode
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, without_padding(stdout.getvalue()), stderr.getvalue())


def desk(*argv: str) -> Outcome:
    """`manage.py problematic ...`"""
    return manage("problematic", *argv)


def without_padding(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
