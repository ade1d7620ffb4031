"""What TestIO can be asked: one method per call we make, with its address and the envelope its answer comes in.

Knows no HTTP: how a question travels, and with how much patience, is for ``client`` to say.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from sync.testio import errors

Record = dict[str, Any]
Query = Mapping[str, object]

CONFIRM = 3  # how often in all a 500 is asked for before it is believed, unless the caller knows better
EVERYTHING: Query = MappingProxyType({})
WITH_USER_STORIES: Query = MappingProxyType({"includes[]": "user_stories"})  # objects with ids, else bare titles


class Endpoints(ABC):
    """Each method returns what TestIO sent, out of its envelope and otherwise untouched: the parsers judge the content.

    ``confirm`` in the methods is how often in all a 500 is asked for before it is believed.

    Every method may raise TestIORefused, TestIONotFound, TestIOUnreadable, TestIOTooLarge, TestIOUnavailable,
    TestIOUnexpected (also for an answer without its envelope) and TestIOCancelled.
    """

    def products(self, product_ids: Collection[int] = ()) -> list[Record]:
        """The customer's products, or those of ``product_ids`` that exist.

        [doc] `filter[product_ids]` is an array. Whether it is heeded we do not know: check what comes.
        """
        query = {"filter[product_ids][]": sorted(product_ids)}
        return self._records("/products", "products", query)

    def product(self, product_id: int) -> Record:
        return self._record(f"/products/{product_id}", "product")

    def features(self, product_id: int) -> list[Record]:
        """Every feature of the product, with or without sections [doc], with its user stories as objects."""
        return self._records(f"/products/{product_id}/features", "features", WITH_USER_STORIES)

    def section_features(self, product_id: int, section_id: int) -> list[Record]:
        return self._records(f"/products/{product_id}/sections/{section_id}/features", "features")

    def tests(self, product_id: int, page: int, per_page: int, *, confirm: int = 1) -> list[Record]:
        """One page of the product's tests, newest `end_at` first [seen]. It may be shorter than asked for [assume]."""
        query = {"page": page, "per_page": per_page, **WITH_USER_STORIES}
        path = f"/products/{product_id}/exploratory_tests"
        return self._records(path, "exploratory_tests", query, confirm=confirm)

    def test(self, test_id: int) -> Record:
        """One test, as in the list plus analytics and per-feature results [doc]."""
        return self._record(f"/exploratory_tests/{test_id}", "exploratory_test", WITH_USER_STORIES)

    def bugs(self, test_ids: Sequence[int], *, confirm: int = 1) -> list[Record]:
        """All bugs of these tests; none for no tests, without a call (TestIO would send every bug there is).

        Raises TestIOTooLarge at the first 413, 414, 524 or time-out, for the caller to ask in halves [seen].
        """
        if not test_ids:
            return []
        query = {"filter_test_cycle_ids": ",".join(map(str, test_ids))}
        return self._records("/bugs", "bugs", query, bare=True, confirm=confirm, divisible=len(test_ids) > 1)

    def product_bugs(self, product_id: int) -> list[Record]:
        """All bugs of a product at once [seen]; TestIOTooLarge where that is more than TestIO can answer."""
        return self._records("/bugs", "bugs", {"filter_product_ids": str(product_id)}, bare=True, divisible=True)

    def bug(self, bug_id: int) -> Record:
        return self._record(f"/bugs/{bug_id}", "bug")

    def test_case_test(self, product_id: int, test_id: int) -> Record:
        return self._record(f"/products/{product_id}/test_case_tests/{test_id}", "test_case_test")

    def test_case_results(self, product_id: int, test_id: int) -> list[Record]:
        """The results of a test-case test; TestIO sends them as a bare array [seen]."""
        return self._records(f"/products/{product_id}/test_case_tests/{test_id}/results", "results", bare=True)

    def reject_reasons(self) -> list[Record]:
        """The reasons bugs are rejected for; an array in some shape [assume], with or without an envelope."""
        return self._records("/bugs/reject_reasons", "reject_reasons", bare=True)

    @abstractmethod
    def _ask(self, path: str, *, confirm: int, divisible: bool = False) -> object:
        """What TestIO answers at ``path``, decoded. ``divisible``: the caller would rather ask for less than wait for
        a repetition of what was too large."""

    def _record(self, path: str, envelope: str, query: Query = EVERYTHING) -> Record:
        address = _address(path, query)
        content = self._ask(address, confirm=CONFIRM)
        record = content.get(envelope) if isinstance(content, dict) else None
        if not isinstance(record, dict):
            raise errors.without_envelope(address, envelope)
        return record

    def _records(
        self,
        path: str,
        envelope: str,
        query: Query = EVERYTHING,
        *,
        bare: bool = False,
        confirm: int = CONFIRM,
        divisible: bool = False,
    ) -> list[Record]:
        address = _address(path, query)
        content = self._ask(address, confirm=confirm, divisible=divisible)
        if bare and isinstance(content, list):
            return content
        records = content.get(envelope) if isinstance(content, dict) else None
        if not isinstance(records, list):
            raise errors.without_envelope(address, envelope)
        return records


def _address(path: str, query: Query) -> str:
    words = urlencode(query, doseq=True, safe="[],")
    return f"{path}?{words}" if words else path
