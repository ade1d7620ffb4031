"""Requests made up from the API's own document, and judged by it: schemathesis, with all its checks."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

#: Seconds for one answer: none may hang.
PATIENCE = 20

#: All that schemathesis knows, in its order.
PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: Where values of the tables may appear in a request. Without them most requests would be about nothing that exists.
Values = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``requests`` made, whether all checks ``passed``, and what was ``said`` about those that did not."""

    requests: int
    passed: bool
    said: str


def fuzz(
    url: str, token: str, values: Values, *, examples: int, seed: int, patience: int, phases: Sequence[str] = PHASES
) -> Verdict:
    """Try every operation of the API at ``url`` with up to ``examples`` requests in each phase; ``coverage`` makes as
    many as there are limits to try, some five thousand.

    ``values`` by parameter, like ``path.product``: about half the requests take one of these. Raises
    ``subprocess.TimeoutExpired`` after ``patience`` seconds.
    """
    with TemporaryDirectory(prefix="testio-desk-") as folder:
        (Path(folder) / "schemathesis.toml").write_text(_configuration(values))
        finished = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")), "run", f"{url}/api/openapi.json", "--checks", "all",
                "--header", f"Authorization: Bearer {token}", "--max-examples", str(examples), "--seed", str(seed),
                "--continue-on-failure", "--request-timeout", str(PATIENCE), "--suppress-health-check", "all",
                "--phases", ",".join(phases),
            ],
            cwd=folder,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.contract.formats", "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )  # fmt: skip
    made = re.search(r"(\d+) generated", finished.stdout)
    return Verdict(int(made[1]) if made else 0, finished.returncode == 0, finished.stdout + finished.stderr)


_ROOT = Path(__file__).parents[2]


def _configuration(values: Values) -> str:
    """In TOML, whose strings and lists of plain values are written as JSON's."""
    lines = ["[dictionaries]"]
    lines += [f'"{name}" = {{ values = {_list(known)} }}' for name, known in values.items()]
    lines += ["[parameters]"]
    lines += [f'"{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in values]
    return "\n".join(lines)


def _list(known: Sequence[int | str]) -> str:
    return f"[{', '.join(str(value) if isinstance(value, int) else chr(34) + value + chr(34) for value in known)}]"
