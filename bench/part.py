"""One measurement in a process and with a data folder of its own: ``python -m bench.part NAME ARGUMENTS``.

Started by ``python -m bench``, which sets ``DATA_DIR``; prints the measurement as JSON.
"""

import json
import os
import sys
from importlib import import_module

import django


def main(name: str, arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")
    django.setup()
    measurement = import_module(f"bench.{name}").measure(**json.loads(arguments))
    sys.stdout.write(json.dumps(measurement))


if __name__ == "__main__":
    main(*sys.argv[1:])
