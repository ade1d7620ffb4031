"""What a request did, in words, where nobody below writes it down: by its method and the name of its address."""

from collections import defaultdict

from django.http import HttpRequest

from testio_site.operating.audit.trail import Kind

#: The parts of the address may be named. (A name of the API is that of the first method its address has.)
_SENTENCES: dict[tuple[str, str], tuple[Kind, str]] = {
    ("POST", "order_file"): (Kind.REPORT, "Had the report “{name}” written to a file."),
    ("POST", "save_report"): (Kind.REPORT, "Saved the report “{name}” as one of their own."),
    ("POST", "share_report"): (Kind.REPORT, "Changed who finds the report {name}."),
    ("POST", "delete_report"): (Kind.REPORT, "Deleted the report {name}."),
    ("POST", "delete_file"): (Kind.REPORT, "Deleted the file of report {run}."),
    ("POST", "list_saved"): (Kind.REPORT, "Saved a report."),
    ("PATCH", "read_saved"): (Kind.REPORT, "Changed the saved report {saved_report}."),
    ("DELETE", "read_saved"): (Kind.REPORT, "Deleted the saved report {saved_report}."),
    ("POST", "start_run"): (Kind.REPORT, "Had a report written to a file."),
    ("DELETE", "read_run"): (Kind.REPORT, "Deleted the file of report {run}."),
}


def of(request: HttpRequest) -> tuple[Kind, str]:
    """The method and the address for what has no sentence."""
    match = request.resolver_match
    found = _SENTENCES.get((str(request.method), match.url_name or "")) if match else None
    if match is None or found is None:
        return Kind.OTHER, as_asked(request)
    kind, sentence = found
    parts = defaultdict(str, {name: str(value)[:100] for name, value in match.kwargs.items()})
    return kind, sentence.format_map(parts)


def as_asked(request: HttpRequest) -> str:
    is_form = request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
    action = request.POST.get("action", "")[:60] if is_form else ""
    return f"{request.method} {request.path[:300]}" + (f" ({action})" if action.isidentifier() else "")
