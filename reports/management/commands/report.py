"""Find reports, and write them to files."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from rich.table import Table as Shown

from reports import catalogue, exports
from reports.catalogue import BadParameters, Entry, NoSuchReport, ReportError
from reports.destination import STANDARD_OUTPUT, CannotWrite, opened, refuse
from reports.documents import Document
from reports.exports import Format, NoSuchFormat
from sync import access
from sync.access import Access
from sync.management.base import FAILED, USAGE, DeskCommand
from sync.snapshot import snapshot

#: Seconds between two lines of progress.
_OFTEN = 2.0


class _Parser(CommandParser):
    """Where ``keeps_rest``, what it does not know is left to the report, whose parameters are arguments too."""

    keeps_rest = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, rest = super().parse_known_args(args, namespace)
        if not self.keeps_rest:
            return found, rest
        found.rest = rest
        return found, []


class Command(DeskCommand):
    help = "Reports: list and search them, and write one to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, parser_class=_Parser)
        listed = actions.add_parser("list", help="All reports, with their parameters.")
        listed.add_argument("--tag", default="", metavar="TAG", help="Only those with this tag.")
        self._add_common(listed)
        search = actions.add_parser("search", help="Reports by words of their name, tags or description.")
        search.add_argument("words", metavar="WORD", nargs="+")
        search.add_argument("--tag", default="", metavar="TAG", help="Only those with this tag.")
        self._add_common(search)
        run = actions.add_parser(
            "run",
            help="Write a report.",
            allow_abbrev=False,
            epilog="A report's own parameters follow as --name value; `report list` shows them. One that takes several "
            "values is repeated, or has them with commas between; a value with a comma of its own stands in double "
            "quotes: report run bugs --format xlsx --output bugs.xlsx --severity critical,high --severity low "
            "--tester '\"Doe, Jane\",Roe' --period 'last month'.",
        )
        run.add_argument("name", metavar="NAME", help="As `report list` shows it, or the id of a saved one (sav_…).")
        run.add_argument("--format", default="", help=f"One of {', '.join(exports.FORMATS)}. Without: as FILE ends.")
        run.add_argument("--output", required=True, metavar="FILE", help="The file to make, or - for standard output.")
        run.add_argument("--force", action="store_true", help="Replace the file if it is there.")
        run.keeps_rest = True
        run.add_argument(
            "--parameter", action="append", default=[], metavar="NAME=VALUE", help="As --NAME VALUE; may be repeated."
        )
        self._add_common(run)

    def _add_common(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="NAME", help="See and run what this user may; otherwise everything.")
        self.add_json_argument(parser)

    def run(self, **options: Any) -> int:
        try:
            code: int = getattr(self, f"_{options['action']}")(options)
        except (NoSuchReport, BadParameters, NoSuchFormat) as error:
            raise CommandError(str(error), returncode=USAGE) from None
        except (ReportError, CannotWrite) as error:
            raise CommandError(str(error), returncode=FAILED) from None
        return code

    # Finding ----------------------------------------------------------------------------------------------------------

    def _list(self, options: dict[str, Any]) -> int:
        return self._show(catalogue.search(_access(options), tag=options["tag"]), options, "There is no report.")

    def _search(self, options: dict[str, Any]) -> int:
        words = " ".join(options["words"])
        found = catalogue.search(_access(options), words, tag=options["tag"])
        return self._show(found, options, f'No report says "{words}". `report list` shows all of them.')

    def _show(self, found: Sequence[Entry], options: dict[str, Any], none: str) -> int:
        if options["json"]:
            self.print_json({"reports": [catalogue.described(entry) for entry in found]})
        elif not found:
            self.stdout.write(none)
        else:
            shown = Shown("Name", "What it is", "Tags", "Parameters", box=None, pad_edge=False)
            for entry in found:
                fields = ", ".join(name.replace("_", "-") for name in entry.report.parameters.model_fields)
                title = f"{entry.title} ({entry.owner}'s)" if entry.is_saved else entry.title
                shown.add_row(entry.name, f"{title}: {entry.description}", ", ".join(entry.tags), fields)
            self.show(shown)
        return 0

    # Running ----------------------------------------------------------------------------------------------------------

    def _run(self, options: dict[str, Any]) -> int:
        who = _access(options)
        entry = catalogue.find(who, options["name"])
        given = entry.report.from_texts(_parameters(options["rest"], options["parameter"]))
        form = exports.find(options["format"] or _ending(options["output"]))
        if options["json"] and options["output"] == STANDARD_OUTPUT:
            raise CommandError(
                "Standard output cannot hold the report and a JSON document about it. Name a file, or leave out "
                "--json; `--format json` writes the report itself as JSON.",
                returncode=USAGE,
            )
        refuse(options["output"], overwrite=options["force"])
        started = time.monotonic()
        try:
            rows = self._write(entry, who, given, form, options)
        except BrokenPipeError:
            raise  # whoever read it has seen enough
        except OSError as error:
            raise CannotWrite(f"{options['output']} could not be written: {error.strerror}.") from None
        seconds = time.monotonic() - started
        if options["json"]:
            self.print_json(
                {
                    "status": "succeeded",
                    "report": entry.name,
                    "format": form.name,
                    "output": options["output"],
                    "rows": rows,
                    "seconds": round(seconds, 3),
                }
            )
        elif options["output"] != STANDARD_OUTPUT:
            self.stdout.write(f"{options['output']}: {rows:,} rows of {entry.title} in {seconds:.1f} s.")
        return 0

    def _write(self, entry: Entry, who: Access, given: dict[str, Any], form: Format, options: dict[str, Any]) -> int:
        with snapshot():
            document = entry.run(who, given)
            _refuse_misnamed(document, form, options["output"])
            progress = _Progress(self, document.expected_rows)
            with opened(options["output"], overwrite=options["force"], is_streamed=form.is_streamed) as out:
                form.write(document, out, progress.seen)
        for note in document.notes:
            self.say(note)
        return progress.rows


class _Progress:
    """Says now and then how far it is, beside the result."""

    def __init__(self, command: DeskCommand, expected: int | None) -> None:
        self._command, self._expected = command, expected
        self._said = time.monotonic()
        self.rows = 0

    def seen(self, rows: int) -> None:
        self.rows = rows
        if time.monotonic() - self._said >= _OFTEN:
            self._said = time.monotonic()
            of = f" of {self._expected:,}" if self._expected else ""
            self._command.say(f"{rows:,}{of} rows written")


def _access(options: dict[str, Any]) -> Access:
    """Whoever may run commands here may read the database as well, so nothing is kept from them unless they ask."""
    if not options["user"]:
        return Access(User(username="command line", is_superuser=True))
    user = User.objects.filter(username=options["user"], is_active=True).first()
    if user is None:
        raise CommandError(f'There is no active user "{options["user"]}".', returncode=USAGE)
    return access.of_user(user)


def _parameters(rest: Sequence[str], pairs: Sequence[str]) -> dict[str, list[str]]:
    """``--severity high --product-id=12`` → {"severity": ["high"], "product_id": ["12"]}"""
    found: dict[str, list[str]] = {}
    words = list(rest)
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise CommandError(f'"{pair}" is no parameter. Write it as NAME=VALUE.', returncode=USAGE)
        found.setdefault(_name(name), []).append(value)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise CommandError(f'"{word}" belongs to no parameter. Write --NAME VALUE.', returncode=USAGE)
        name, mark, value = word[2:].partition("=")
        if not mark:
            # A switch without a value is one that is on.
            value = words.pop(0) if words and not words[0].startswith("--") else "true"
        found.setdefault(_name(name), []).append(value)
    return found


def _name(text: str) -> str:
    return text.strip().replace("-", "_")


def _ending(output: str) -> str:
    if output == STANDARD_OUTPUT:
        return "markdown" if sys.stdout.isatty() else "csv"
    ending = output.rpartition(".")[2] if "." in output else ""
    if not ending:
        raise NoSuchFormat(f"Say --format: one of {', '.join(exports.FORMATS)}.")
    return "csv" if ending.lower() == "zip" else ending


def _refuse_misnamed(document: Document, form: Format, output: str) -> None:
    """A ZIP under the name of a CSV would be taken for a broken one."""
    if form.extension(document) == "zip" and output.lower().endswith(".csv"):
        raise CommandError(
            f"This report has {len(document.tables)} tables, so as CSV it is a ZIP. Name a file that ends in .zip.",
            returncode=USAGE,
        )
