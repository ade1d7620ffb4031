"""The trail as a page: filtered by its address, page by page, and as a file with the same filters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from tempfile import TemporaryFile
from typing import Any

from django.db.models import Q, QuerySet
from django.http import FileResponse, Http404, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from reports import exports
from reports.documents import Column as DocumentColumn
from reports.documents import Document, Kind, Section, StoredRows, Value
from reports.documents import Table as DocumentTable
from reports.pages import access, filters, frame, words
from reports.pages.filters import Bar, Field
from reports.pages.links import changed
from reports.pages.tables import Cell, Column, Table
from sync import access as visible
from sync.access import Access, Request
from sync.api import keyset
from sync.api.keyset import BadCursor, Order, Place
from sync.dates import Period, UnreadableDate, read_period
from testio_site.models import AuditEntry
from testio_site.operating.audit import trail

VIEW = "testio_site.view_audit"
PER_PAGE = 50
#: What the trail can be taken away as: those that are written row by row.
FORMS = ("csv", "json")
ORDER = Order(keyset.Column("at", datetime), descending=True)

_COLUMNS = (Column("What"), Column("When (UTC)"), Column("Who"), Column("Kind"), Column("Customer"), Column("From"))
_IN_FILES = (
    DocumentColumn("at", "When", Kind.DATETIME),
    DocumentColumn("kind", "Kind", width=14),
    DocumentColumn("who", "Who", width=20),
    DocumentColumn("what", "What", width=70),
    DocumentColumn("customer", "Customer", width=20),
    DocumentColumn("address", "Address", width=18),
    DocumentColumn("through", "Through", width=20),
)
_READ = ("at", "kind", "name", "what", "customer_name", "address", "through")
_TONES = {
    AuditEntry.Kind.FAILED: "bad",
    AuditEntry.Kind.TOKEN: "warn",
    AuditEntry.Kind.SYNC: "info",
    AuditEntry.Kind.EXPORT: "info",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. ``fault`` says why its period cannot be read; then nothing is listed."""

    person: str
    kind: str
    customer: str
    phrase: str
    period: Period | None
    fault: str

    @classmethod
    def read(cls, query: QueryDict) -> "Asked":
        phrase, period, fault = filters.text(query, "period")[:100], None, ""
        if phrase:
            try:
                period = read_period(phrase)
            except UnreadableDate as refusal:
                fault = str(refusal)
        return cls(
            person=filters.text(query, "person")[:150],
            kind=filters.one_of(query, "kind", AuditEntry.Kind.values),
            customer=filters.text(query, "customer")[:63],
            phrase=phrase,
            period=period,
            fault=fault,
        )

    def rows(self, who: Access) -> "QuerySet[AuditEntry]":
        rows = seen(who)
        if self.fault:
            return rows.none()
        if self.person:
            rows = rows.filter(name=self.person)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.customer:
            rows = rows.filter(customer_name=self.customer)
        return rows.filter(_within(self.period)) if self.period else rows

    @property
    def words(self) -> list[tuple[str, str]]:
        """For the head of a file."""
        asked = (("Person", self.person), ("Kind", self.kind), ("Customer", self.customer), ("Period", self.phrase))
        return [(name, value) for name, value in asked if value]


def seen(who: Access) -> "QuerySet[AuditEntry]":
    """The entries of the customers a person sees, and of no customer those about themselves; all for those who see
    all customers."""
    rows = AuditEntry.objects.all()
    if who.customers is None:
        return rows
    themselves = Q(by=who.user) | Q(by=None, name=who.user.get_username())
    return rows.filter(Q(customer__in=who.customers) | Q(customer=None, customer_name="") & themselves)


def _within(period: Period) -> Q:
    first = datetime.combine(period.first, time(), UTC)
    return Q(at__gte=first, at__lt=datetime.combine(period.last, time(), UTC) + timedelta(days=1))


@access.page(VIEW)
def page(request: Request) -> HttpResponse:
    who, query = access.of(request), request.GET
    asked = Asked.read(query)
    bar = _bar(request.path, asked, who)
    found = keyset.page(asked.rows(who), _READ, ORDER, after=_place(query, asked), limit=PER_PAGE)
    end = keyset.write_cursor(found.end, ORDER, _belongs_to(asked)) if found.end else None
    return frame.show(
        request,
        "operating/audit.html",
        "Audit trail",
        filters=bar,
        fault=asked.fault,
        table=Table("Who did what", _COLUMNS, [_row(row) for row in found.rows]),
        pager=_pager(query, request.path, len(found.rows), end),
        files=[(form, changed(reverse("operating:audit_file", args=[form]), query, after=None)) for form in FORMS],
        sees_all=who.customers is None,
    )


@access.page(VIEW)
def file(request: Request, form: str) -> FileResponse:
    """All that is asked for. It is written to disk first and sent from there, so that its length costs no memory."""
    asked = Asked.read(request.GET)
    if form not in FORMS or asked.fault:
        raise Http404(asked.fault or f'"{form}" is no form of the audit trail. Known are: {", ".join(FORMS)}.')
    writer, now = exports.find(form), timezone.now()
    made = _document(asked, access.of(request), now)
    out = TemporaryFile()  # noqa: SIM115  # the answer closes it
    writer.write(made, out, lambda _: None)
    out.seek(0)
    trail.record(request, trail.Kind.EXPORT, _taken(asked, form))
    answer = FileResponse(
        out,
        as_attachment=True,
        filename=f"audit-{now:%Y-%m-%d-%H%M}.{writer.extension(made)}",
        content_type=writer.media_type,
    )
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _taken(asked: Asked, form: str) -> str:
    which = ", ".join(f"{name.lower()} {value}" for name, value in asked.words)
    return f"Downloaded the audit trail as {form.upper()}{f' ({which})' if which else ''}."


def _document(asked: Asked, who: Access, now: datetime) -> Document:
    rows = asked.rows(who).order_by("-at", "-id").values_list(*_READ)
    table = DocumentTable("audit", "Audit trail", _IN_FILES, StoredRows(rows, _values))
    return Document("audit", "Audit trail", now, parameters=asked.words, sections=[Section(tables=[table])])


def _values(rows: Iterable[tuple[Any, ...]]) -> Iterator[Sequence[Value]]:
    for at, kind, name, what, customer, address, through in rows:
        yield at, AuditEntry.Kind(kind).label, name, what, customer, address, through


def _row(row: tuple[Any, ...]) -> list[Cell]:
    at, kind, name, what, customer, address, through = row
    return [
        Cell(what),
        Cell(f"{at:%Y-%m-%d %H:%M}", title=f"{at:%Y-%m-%d %H:%M:%S} UTC"),
        Cell(name or words.NONE),
        Cell(AuditEntry.Kind(kind).label, tone=_TONES.get(kind, ""), is_badge=True),
        Cell(customer or words.NONE),
        Cell(address or words.NONE, note=through),
    ]


def _bar(path: str, asked: Asked, who: Access) -> Bar:
    kinds = list(AuditEntry.Kind.choices)
    names = visible.customers(who).order_by("name").values_list("name", flat=True)
    customers = [(name, name) for name in names[:200]]
    return Bar(
        "audit",
        path,
        [
            Field("person", "User name", asked.person, kind="text"),
            Field("kind", "Kind", asked.kind, kinds),
            Field("period", "Period", asked.phrase, kind="text", hint="last 7 days, 2026-03"),
            *([Field("customer", "Customer", asked.customer, customers)] if customers else []),
        ],
    )


def _belongs_to(asked: Asked) -> str:
    return "|".join(("audit", asked.person, asked.kind, asked.customer, asked.phrase))


def _place(query: QueryDict, asked: Asked) -> Place | None:
    """Where the page before ended; the beginning for a cursor of another list: a link of yesterday still opens."""
    try:
        return keyset.read_cursor(after, ORDER, _belongs_to(asked)) if (after := query.get("after")) else None
    except BadCursor:
        return None


def _pager(query: QueryDict, path: str, count: int, end: str | None) -> dict[str, str]:
    return {
        "sentence": f"{words.plural(count, 'entry', 'entries')} here, the newest first",
        "first_url": changed(path, query, after=None) if query.get("after") else "",
        "next_url": changed(path, query, after=end) if end else "",
    }
