"""Reports of a large customer: the quality report of its largest product, the pages, and a file of 100,000 bugs."""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench.answers import Caller, p95, served, session_of
from bench.filling import fill
from bench.processes import measured_command
from bench.verdicts import Verdict
from reports import quality
from reports.quality import Question, Wish
from sync import access
from sync.models import Customer, Product
from sync.sandbox import World
from testio_site import tokens
from testio_site.tokens import NewToken

Json = dict[str, Any]

#: Seconds, for the quality report of the largest product, whole and with every test, by the API.
REPORT_SECONDS = 1.0
#: Milliseconds, 95 of 100 times.
PAGES_MS = {"overview": 300, "products": 300, "product": 300, "quality": 1_000}
EXPORT_SECONDS, EXPORT_MEGABYTES = 20, 300


def measure(*, figure: str, tests: int, bugs_per_test: float, repeat: int) -> Json:
    """``figure``: ``quality`` (the report and the pages) or ``export`` (a workbook of all bugs)."""
    call_command("migrate", verbosity=0)
    world = World(tests=tests, products=12, bugs_per_test=bugs_per_test)
    fill(Customer.objects.create(name="bench", is_default=True), world)
    return _export(repeat) if figure == "export" else _quality(repeat)


# The report and the pages ---------------------------------------------------------------------------------------------


def _quality(repeat: int) -> Json:
    owner = User.objects.create_superuser("bench")
    token = tokens.create(NewToken("bench", owner, tokens.expiry(1)))
    product = _largest()
    question = quality.read(Wish(products=(product.pk,)), access.of_user(owner))
    making, statements = _making(question, repeat)
    with served() as port:
        program = Caller(port, {"Authorization": f"Bearer {token.secret}"})
        answers = program.times(f"/api/v1/reports/quality?product_id={product.pk}", repeat)
        person = Caller(port, session_of(owner))
        pages = {name: person.times(address, repeat) for name, address in _pages(product).items()}
    report = Verdict(
        p95(answers) / 1000,
        REPORT_SECONDS,
        1.0,
        "seconds (p95) for the whole quality report by the API",
        details={
            "tests": len(quality.make(question).tests),
            "statements": statements,
            "made_in_seconds": {"p50": round(statistics.median(making), 3), "p95": round(p95(making), 3)},
            "p50_seconds": round(statistics.median(answers) / 1000, 3),
        },
    )
    return {"report": report.as_json()} | {
        f"{name}_page": Verdict(
            p95(times),
            PAGES_MS[name],
            1.0,
            "milliseconds (p95) over HTTP",
            details={"p50_ms": round(statistics.median(times), 1)},
        ).as_json()
        for name, times in pages.items()
    }


def _largest() -> Product:
    return Product.objects.annotate(size=Count("tests")).order_by("-size", "pk")[0]


def _making(question: Question, repeat: int) -> tuple[list[float], int]:
    """How long the figures themselves take, after one time that warms up; and how many statements that is."""
    with CaptureQueriesContext(connection) as captured:
        quality.make(question)
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        quality.make(question)
        taken.append(time.perf_counter() - began)
    return taken, len(captured)


def _pages(product: Product) -> dict[str, str]:
    asked = urlencode({"set": 1, "product_id": product.pk})
    return {
        "overview": reverse("reports:overview"),
        "products": reverse("reports:products"),
        "product": reverse("reports:product", args=[product.pk]),
        "quality": f"{reverse('reports:report', args=['quality'])}?{asked}",
    }


# The workbook ---------------------------------------------------------------------------------------------------------


def _export(repeat: int) -> Json:
    """All bugs as the command writes them, in a process of its own each time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bugs.xlsx"
        asked = ("report", "run", "bugs", "--output", str(path), "--force", "--json")
        runs = [measured_command(*asked) for _ in range(repeat)]
        size = path.stat().st_size
    details = {"rows": runs[0]["result"]["rows"], "bytes": size}
    seconds = max(float(run["seconds"]) for run in runs)
    megabytes = max(float(run["peak_mb"]) for run in runs)
    return {
        "seconds": Verdict(seconds, EXPORT_SECONDS, 1.0, "seconds for a workbook", details=details).as_json(),
        "memory": Verdict(megabytes, EXPORT_MEGABYTES, 1.0, "MiB resident at most", details=details).as_json(),
    }
