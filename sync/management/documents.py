"""`--json`: exactly one document on standard output, whatever happens.

A command prints its own when it has a result. When it fails before that, the document is

    {"status": "failed", "error": "What happened, why, what to do next.", "exit_code": 1}

with the sentence that standard error gets too, and the exit code; 2 is wrong usage, also where argparse finds it. Of an
error that nobody foresaw, standard error has all there is to know.
``status`` and ``error`` are named as in the result of a sync that failed.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

FAILED, USAGE, PARTIAL, BUSY = 1, 2, 3, 75
UNEXPECTED = "The command stopped on an unexpected error; what standard error says of it is for whoever mends it."


def failure_document(sentence: str, exit_code: int) -> dict[str, str | int]:
    return {"status": "failed", "error": sentence, "exit_code": exit_code}


class JsonCommand(BaseCommand):
    """A command whose failures are documents too when it was asked for ``--json``."""

    has_printed = False

    def add_json_argument(
        self, parser: ArgumentParser, text: str = "Print one JSON document and nothing else."
    ) -> None:
        parser.add_argument("--json", action="store_true", help=text)

    def run_from_argv(self, argv: list[str]) -> None:
        if "--json" in argv:
            self._print_wrong_usage(argv)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Until something better is known: an exception nobody named must not leave standard output empty.
        unsaid: tuple[str, int] | None = (UNEXPECTED, FAILED)
        try:
            printed = super().execute(*args, **options)
            unsaid = None
        except CommandError as error:
            unsaid = str(error), error.returncode
            raise
        except SystemExit:  # whoever ends the process so has said why
            unsaid = None
            raise
        finally:
            if unsaid and options.get("json") and not self.has_printed:
                self.print_failure(*unsaid)
        return printed

    def print_json(self, document: object) -> None:
        self.has_printed = True
        self.stdout.write(json.dumps(document, ensure_ascii=False, cls=DjangoJSONEncoder))
        self.stdout.flush()

    def print_failure(self, sentence: str, exit_code: int) -> None:
        self.print_json(failure_document(sentence, exit_code))

    def _print_wrong_usage(self, argv: Sequence[str]) -> None:
        """What argparse will refuse, with the usage on standard error, when it is given the same in a moment."""
        try:  # a parser not made for the command line raises what one made for it ends the process with
            self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        except CommandError as error:
            self.print_failure(str(error).removeprefix("Error: "), USAGE)
