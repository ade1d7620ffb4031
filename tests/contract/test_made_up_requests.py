"""The API keeps its own document: whatever is sent to whatever address, the answer is one that is written there."""

from tests.contract.conftest import Target
from tests.contract.fuzzing import fuzz


def test_made_up_requests_get_documented_answers_only(target: Target) -> None:
    """With every limit of every parameter besides: ``make stress``."""
    phases = ("examples", "fuzzing", "stateful")
    verdict = fuzz(target.url, target.token, target.values, examples=5, seed=1, patience=240, phases=phases)
    assert verdict.passed, verdict.said
    assert verdict.requests > 500, verdict.said
