import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from django.core.management import call_command

from reports import exports
from testio_site.environment import BASE_DIR
from tests.problematic.shell import manage
from tests.reports import world
from tests.reports.world import person
from tests.sync.support import Outcome

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small() -> world.World:
    return world.make()


def report(*argv: str) -> Outcome:
    return manage("report", *argv)


def test_the_catalogue_is_listed_and_searched() -> None:
    listed = json.loads(report("list", "--json").stdout)["reports"]
    assert {"bugs", "custom-reports", "freshness", "gaps", "tests"} <= {each["name"] for each in listed}
    assert all(each["parameters"]["properties"] for each in listed)
    found = report("search", "FORMS COLUMN")
    assert (found.code, found.stdout.splitlines()[1].split()[0]) == (0, "custom-reports")
    assert [each["name"] for each in json.loads(report("search", "forms", "--json").stdout)["reports"]] == [
        "custom-report-summary", "custom-reports",
    ]  # fmt: skip
    assert report("search", "zebra").stdout == 'No report says "zebra". `report list` shows all of them.\n'


def test_a_report_is_written_to_a_file_with_its_own_parameters(tmp_path: Path) -> None:
    path = tmp_path / "bugs.csv"
    done = report("run", "bugs", "--output", str(path), "--product-id", "1", "--status", "open", "--sort", "-id")
    assert done.code == 0
    assert done.stdout.startswith(f"{path}: 1 rows of Bugs in ")
    assert done.stderr == "2 tests could not be read from TestIO and are missing here: see the report gaps.\n"
    assert [row["id"] for row in csv.DictReader(path.read_text().splitlines())] == ["101"]
    assert [each.name for each in tmp_path.iterdir()] == ["bugs.csv"]


def test_the_result_is_one_json_document(tmp_path: Path) -> None:
    path = tmp_path / "bugs"
    done = report("run", "bugs", "--format", "xlsx", "--output", str(path), "--json", "--parameter", "severity=high")
    document = json.loads(done.stdout)
    assert (document["status"], document["rows"], document["format"]) == ("succeeded", 1, "xlsx")
    assert openpyxl.load_workbook(io.BytesIO(path.read_bytes()))["Bugs"]["A2"].value == 101


def test_an_error_nobody_foresaw_is_one_json_document_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise TypeError("must be real number, not str")

    path, out = tmp_path / "bugs.xlsx", io.StringIO()
    monkeypatch.setitem(exports.FORMATS, "xlsx", replace(exports.FORMATS["xlsx"], write=break_down))
    with pytest.raises(TypeError, match="must be real number"):
        call_command("report", "run", "bugs", "--output", str(path), "--json", stdout=out)
    document = json.loads(out.getvalue())
    assert (document["status"], document["exit_code"]) == ("failed", 1)
    assert document["error"].startswith("The command stopped on an unexpected error")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "bugs.csv"
    path.write_text("mine")
    refused = report("run", "bugs", "--output", str(path))
    assert (refused.code, path.read_text()) == (1, "mine")
    assert "is there already. Say --force to replace it" in refused.stderr
    assert report("run", "bugs", "--output", str(path), "--force").code == 0
    assert path.read_text().startswith("id,")


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    target.write_text("mine")
    os.mkfifo(pipe)
    link.symlink_to(target)
    for path in (pipe, link):
        refused = report("run", "bugs", "--format", "csv", "--output", str(path), "--force")
        assert (refused.code, "is no plain file" in refused.stderr) == (1, True)
    assert (pipe.is_fifo(), link.is_symlink(), target.read_text()) == (True, True, "mine")


def test_figures_without_a_dimension_are_a_row(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    asked = ("--measure", "bugs,tests", "--parameter", "measure=rejection", "--since", "2026-Q1", "--until", "2026-Q1")
    assert report("run", "metrics", *asked, "--format", "csv", "--output", str(path)).code == 0
    header, row = path.read_text().splitlines()
    assert (header, row.split(",")[:2]) == ("rejection,bugs,tests", ["0.25", "4"])


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("bug", "--format", "csv"), 'There is no report "bug". Did you mean bugs?'),
        (("bugs", "--format", "docx"), '"docx" is no format of a report.'),
        (("bugs", "--format", "csv", "--colour", "red"), "colour: this report knows no such parameter; it knows"),
        (("bugs", "--format", "csv", "--severity", "awful"), 'severity: "awful" is no severity.'),
        (("metrics", "--format", "csv", "--keep", "severity=hihg"), 'keep: A filter by severity takes "critical", '),
        (("bugs", "--format", "csv", "--known", "true", "--known", "false"), "known: may be given once."),
        (("bugs", "--format", "csv", "red"), '"red" belongs to no parameter.'),
        (("bugs", "--format", "csv", "--parameter", "red"), '"red" is no parameter. Write it as NAME=VALUE.'),
        (("bugs", "--format", "csv", "--product-id", "404"), "product_id: there is no product 404."),
        (("bugs", "--format", "csv", "--user", "nobody"), 'There is no active user "nobody".'),
        (("quality", "--format", "csv", "--customer", "acme"), "so as CSV it is a ZIP. Name a file that ends in .zip."),
    ],
)
def test_wrong_usage_is_said_and_writes_nothing(tmp_path: Path, argv: tuple[str, ...], sentence: str) -> None:
    done = report("run", *argv, "--output", str(tmp_path / "file.csv"), "--json")
    assert done.code == 2
    assert sentence in json.loads(done.stdout)["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said() -> None:
    done = report("run", "bugs", "--output", "/nowhere/bugs.csv")
    assert done.code == 1
    assert "There is no folder /nowhere. Make it first, or write somewhere else." in done.stderr


def test_a_user_gets_no_more_than_they_may_see(tmp_path: Path, small: world.World) -> None:
    person("mia", small.other)
    path = tmp_path / "bugs.csv"
    assert report("run", "bugs", "--output", str(path), "--user", "mia").code == 0
    assert [row["id"] for row in csv.DictReader(path.read_text().splitlines())] == ["201"]


@pytest.mark.parametrize(("form", "beginning"), [("csv", b"id,title"), ("xlsx", b"PK"), ("json", b'{"name":"bugs"')])
def test_standard_output_gets_the_report_and_nothing_else(
    form: str, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw))

    call_command("report", "run", "bugs", "--format", form, "--output", "-", stderr=io.StringIO())
    assert raw.getvalue().startswith(beginning)
    assert not raw.getvalue().endswith(b" s.\n")


def test_a_reader_that_has_seen_enough_ends_it_without_a_word(database_url: str) -> None:
    command = f"{sys.executable} manage.py report run bugs --format csv --output - | head -n 0"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=BASE_DIR, env=surroundings(database_url), capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stdout == b""
    assert b"Broken" not in done.stderr


def surroundings(database_url: str) -> dict[str, str]:

    return {**os.environ, "DATABASE_URL": database_url}
