"""All reports by name: those built in (``reports.builtin``) and those people saved (``reports.saved``).

A report takes parameters, each with a type, and makes a document of what its caller may see. Page, API and command
find, run and explain it from here, so all of them know the same reports and say the same about a wrong parameter.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from reports.documents import Document
from sync.access import Access


class ReportError(Exception):
    """Why a report cannot be found or made, and what to do."""


class NoSuchReport(ReportError):
    """No report of that name, or none that the caller may see."""


class BadParameters(ReportError):
    """Parameters that cannot be used; ``faults`` has a reason for each, by its name."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__(" ".join(f"{name}: {reason.rstrip('.')}." for name, reason in self.faults.items()))


class NotThere(BadParameters):
    """Parameters that name something which is not there, or not for the caller to see."""


class Parameters(BaseModel):
    """What a report may be asked for; a parameter nobody knows is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def check(self, access: Access) -> None:
        """Before the report is made: raises ``NotThere`` and ``BadParameters`` for what its caller cannot ask."""


def separated(text: str) -> list[str]:
    """``high, low`` → ["high", "low"]; a comma that belongs to a value is in double quotes: ``"Doe, Jane",Roe``."""
    if "," not in text:
        return [text]
    return [part.strip() for line in csv.reader(StringIO(text), skipinitialspace=True) for part in line]


@dataclass(frozen=True, slots=True)
class Report:
    """One report. ``permission`` is what its caller needs (``app.name``); ``run`` may give rows that are read later, so
    the document has to be written inside the same snapshot (``sync.api.snapshot``)."""

    name: str
    title: str
    description: str
    parameters: type[Parameters]
    permission: str
    run: Callable[[Access, Any], Document]
    tags: tuple[str, ...] = ()

    def read(self, given: Mapping[str, Any]) -> Parameters:
        """The parameters, checked. Raises ``BadParameters``."""
        try:
            return self.parameters.model_validate(dict(given))
        except ValidationError as refusal:
            raise BadParameters(self._faults(refusal)) from None

    def from_texts(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Parameters as a command line has them: several values repeated or with commas between, others alone.

        Raises ``BadParameters`` for one that was given twice and may be given once.
        """
        fields = self.parameters.model_fields
        several = {name for name, field in fields.items() if get_origin(field.annotation) is list}
        if twice := [name for name, values in texts.items() if len(values) > 1 and name in fields.keys() - several]:
            raise BadParameters(dict.fromkeys(twice, "may be given once"))
        return {
            name: [part for value in values for part in separated(value)] if name in several else values[0]
            for name, values in texts.items()
        }

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the parameters."""
        return self.parameters.model_json_schema()

    def _faults(self, refusal: ValidationError) -> dict[str, str]:
        faults: dict[str, str] = {}
        for error in refusal.errors(include_url=False):
            reason = error["msg"].removeprefix("Value error, ")
            if error["type"] == "extra_forbidden":
                known = ", ".join(self.parameters.model_fields)
                reason = f"this report knows no such parameter; it knows {known}" if known else "this report takes none"
            faults.setdefault(str(error["loc"][0]) if error["loc"] else "parameters", reason)
        return faults


@dataclass(frozen=True, slots=True)
class Entry:
    """A report as the catalogue offers it: built in, or saved with parameters of its own.

    ``saved_id`` is the public id of a saved one; ``customers`` the only ones it is about, None: all its caller sees.
    """

    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    report: Report
    parameters: Mapping[str, Any]
    saved_id: str = ""
    owner: str = ""
    customers: frozenset[int] | None = None

    @property
    def is_saved(self) -> bool:
        return bool(self.saved_id)

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Its own parameters with those ``given`` in their place. Raises ``BadParameters``."""
        asked = {**self.parameters, **given}
        self.report.read(asked)
        return asked

    def check(self, access: Access, given: Mapping[str, Any]) -> None:
        """Whether ``run`` would begin at all. Raises ``BadParameters``, of which ``NotThere`` is one."""
        self.report.read(self.asked(given)).check(narrowed(access, self.customers))

    def run(self, access: Access, given: Mapping[str, Any]) -> Document:
        """The document. Raises ``BadParameters``, and ``NoSuchReport`` for a caller who may not read such data."""
        if not access.may(self.report.permission):
            raise NoSuchReport(_unknown(self.name))
        return self.report.run(narrowed(access, self.customers), self.report.read({**self.parameters, **given}))


def narrowed(access: Access, customers: frozenset[int] | None) -> Access:
    """The same caller, seeing no more than these customers; None: as before."""
    if customers is None:
        return access
    chosen = customers if access.customers is None else access.customers & customers
    return Access(access.user, access.permissions, chosen)


def built_in(name: str) -> Report:
    """Raises ``NoSuchReport``."""
    from reports.builtin import REPORTS  # they are made of what stands here

    for report in REPORTS:
        if report.name == name:
            return report
    raise NoSuchReport(_unknown(name))


def of_report(access: Access, name: str) -> Entry:
    """A built-in report as this caller finds it. Raises ``NoSuchReport``."""
    report = built_in(name)
    if not access.may(report.permission):
        raise NoSuchReport(_unknown(name))
    return _entry(report)


def entries(access: Access) -> list[Entry]:
    """What the caller may run: first what is built in, then what is saved, each by name."""
    from reports import saved
    from reports.builtin import REPORTS

    mine = [_entry(report) for report in REPORTS if access.may(report.permission)]
    return [*sorted(mine, key=lambda entry: entry.name), *saved.entries(access)]


def find(access: Access, name: str) -> Entry:
    """The report of that name, or with that id (``sav_…``); one's own saved one before somebody else's.

    Raises ``NoSuchReport``, with the names that come near.
    """
    known = entries(access)
    word = name.strip().lower()
    found = [entry for entry in known if entry.name == word or (entry.saved_id and entry.saved_id == word)]
    own = [entry for entry in found if not entry.is_saved or entry.owner == access.user.get_username()]
    if len(chosen := own or found) == 1:
        return chosen[0]
    if chosen:
        ids = ", ".join(f"{entry.saved_id} of {entry.owner}" for entry in chosen)
        raise NoSuchReport(f'Several saved reports are called "{word}": say which by its id ({ids}).')
    raise NoSuchReport(_unknown(name, [entry.name for entry in known]))


def described(entry: Entry) -> dict[str, Any]:
    """A report as a JSON document."""
    return {
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "tags": list(entry.tags),
        "id": entry.saved_id or None,
        "owner": entry.owner or None,
        "report": entry.report.name,
        "set_parameters": dict(entry.parameters),
        "parameters": entry.report.schema(),
    }


def search(access: Access, text: str = "", *, tag: str = "") -> list[Entry]:
    """Reports with every word of ``text`` in their name, title, tags or description; the best matches first."""
    words = text.casefold().split()
    wanted = [entry for entry in entries(access) if not tag or tag.strip().casefold() in entry.tags]
    return sorted((entry for entry in wanted if all(map(_in(entry), words))), key=lambda each: _distance(each, words))


def _in(entry: Entry) -> Callable[[str], bool]:
    everything = " ".join((entry.name, entry.title, entry.description, *entry.tags)).casefold()
    return lambda word: word in everything


def _distance(entry: Entry, words: Sequence[str]) -> tuple[int, str]:
    """A word in the name is worth more than one in a tag, and that more than one in the description."""
    places = (entry.name, " ".join((entry.title, *entry.tags)), entry.description)
    folded = [place.casefold() for place in places]
    return sum(next((far for far, place in enumerate(folded) if word in place), 0) for word in words), entry.name


def _entry(report: Report) -> Entry:
    return Entry(report.name, report.title, report.description, report.tags, report, {})


def _unknown(name: str, known: Sequence[str] = ()) -> str:
    from difflib import get_close_matches  # only for a mistake

    near = get_close_matches(name, known, 3, 0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`report list` shows those there are."
    return f'There is no report "{name}". {hint}'
