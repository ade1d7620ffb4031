"""What the tests of the admin share: every model with its factory, and the addresses of its pages."""

from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model, QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.factories import ModelFactory

MODELS: list[type[Model]] = sorted(apps.get_app_config("sync").get_models(), key=lambda model: model.__name__)
READ_ONLY = [model for model in MODELS if model.__name__ != "Customer"]


def factory_of(model: type[Model]) -> type[ModelFactory[Any]]:
    found: type[ModelFactory[Any]] = getattr(factories, f"{model.__name__}Factory")
    return found


def row_query(model: type[Model], pk: object) -> QuerySet[Any]:
    return QuerySet(model).filter(pk=pk)


def list_page(model: type[Model]) -> str:
    return reverse(f"admin:sync_{model._meta.model_name}_changelist")


def page(model: type[Model], pk: object, kind: str = "change") -> str:
    return reverse(f"admin:sync_{model._meta.model_name}_{kind}", args=[pk])


def shown(client: Client, address: str) -> str:
    """The page as its reader gets it; it must open."""
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def listed(client: Client, address: str) -> list[object]:
    """The keys of the rows a list page shows, in its order."""
    response = client.get(address)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def queries(client: Client, address: str) -> list[str]:
    ContentType.objects.clear_cache()  # or the first page of a test would ask more than the next
    with CaptureQueriesContext(connection) as captured:
        shown(client, address)
    return [query["sql"] for query in captured.captured_queries]
