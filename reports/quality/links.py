"""The calls of the API that list what a figure counts: the report's own question, narrowed to the figure's row."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode

from reports.quality.question import Question
from reports.quality.rows import Part


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses on this site. ``bugs`` and ``tests`` are calls of the API that list the rows behind the figures;
    ``page`` is a page about the row. Empty: there is none."""

    bugs: str
    tests: str = ""
    page: str = ""


def of_part(question: Question, part: Part, *, page: str = "") -> Links:
    """The rows behind one figure; tests only where the part is about tests."""
    narrowed = {f"of_{name}": value for name, value in part.named().items()}
    asked = urlencode(question.parameters() | narrowed)
    about_bugs = part.severity or part.bug_status or part.feature
    bugs, tests = reverse("api:quality_bugs"), reverse("api:quality_tests")
    return Links(f"{bugs}?{asked}", "" if about_bugs else f"{tests}?{asked}", page)


def of_product(question: Question, product: int) -> Links:
    return of_part(question, Part(product=str(product)), page=reverse("reports:product", args=[product]))


class OfTests:
    """The links of single tests; made without looking the addresses up for each of thousands."""

    def __init__(self) -> None:
        self._api = reverse("api:read_test", args=[0])
        self._page = reverse("reports:test", args=[0])

    def of(self, test: int) -> Links:
        api = self._api.replace("/0", f"/{test}")
        return Links(f"{api}/bugs?missing=false", api, self._page.replace("/0/", f"/{test}/"))
