"""The column full-text search reads. The database makes it whenever it writes the row, so it is never out of date.

Words are taken as they are (lower case, accents folded), not cut down to stems: titles are English, German and
anything else in one product, what is typed so far must find what it begins, and writing stays as cheap as it can be.
Other forms of a word are added when somebody searches (``reports.search``).
"""

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import models


def search_column(a: str, b: Any, c: Any, d: Any) -> models.GeneratedField:
    """A generated column over four texts, fields or expressions, the weightiest first.

    ``sync_search`` is made by the migration that adds the columns; no text, however long or odd, makes it fail.
    """
    return models.GeneratedField(
        expression=models.Func(a, b, c, d, function="sync_search", output_field=SearchVectorField()),
        output_field=SearchVectorField(),
        db_persist=True,
    )


def joined(field: str) -> models.Func:
    """A list of texts as one."""
    return models.Func(field, function="sync_search_join", output_field=models.TextField())


NOTHING = models.Value("", output_field=models.TextField())
