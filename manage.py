#!/usr/bin/env python
"""The command line of TestIO Desk: `manage.py help` lists what it can do."""

import json
import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError

from sync.management.documents import FAILED, failure_document
from testio_site.environment import InvalidEnvironment, read_environment
from testio_site.postgres.launcher import Unavailable


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testio_site.settings")
    try:
        read_environment()  # the settings do the same, but `help` and a few others swallow what they say
        execute_from_command_line(sys.argv)
    except (InvalidEnvironment, OperationalError) as failure:
        if "--traceback" in sys.argv:
            raise
        sentence = _sentence(failure)
        if "--json" in sys.argv:
            sys.stdout.write(json.dumps(failure_document(sentence, FAILED)) + "\n")
        sys.exit(sentence)


def _sentence(failure: Exception) -> str:
    known = isinstance(failure, InvalidEnvironment | Unavailable)
    return str(failure) if known else f"The database cannot be used: {' '.join(str(failure).split())}"


if __name__ == "__main__":
    main()
