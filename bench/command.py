"""Run one management command that prints JSON, and print what it took around its answer.

``python -m bench.command sync --json``: seconds of wall clock and processor without the interpreter's start, and the
most memory the process ever held.
"""

import io
import json
import os
import sys
import time

import django
from django.core.management import call_command

from bench.machine import peak_megabytes


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")
    django.setup()
    output = io.StringIO()
    started, cpu_started = time.perf_counter(), time.process_time()
    call_command(*arguments, stdout=output)
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "peak_mb": peak_megabytes(),
        "result": json.loads(output.getvalue()),
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
