"""What the tests of this room's API share: callers who see all customers or some, and answers as they must look."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from pydantic import BaseModel

from sync.models import Customer

V1 = "/api/v1"


def reader(*customers: Customer, name: str = "tess") -> Client:
    """Somebody who may look at everything of these customers, of all when none is named, and change nothing."""
    user = User.objects.create_user(name)
    may = Permission.objects.filter(content_type__app_label="sync", codename__startswith="view_")
    user.user_permissions.set(may)
    if customers:
        user.customers.set(customers)
    else:
        user.user_permissions.add(Permission.objects.get(codename="see_all_customers"))
    client = Client()
    client.force_login(user)
    return client


def rows(response: Any, name: str) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()[name]
    return found


def ids(response: Any, name: str) -> list[int]:
    return [row["id"] for row in rows(response, name)]


def pages(client: Client, address: str, name: str) -> list[list[int]]:
    """The ids of every page of a list, by following its cursors."""
    response = client.get(address)
    found = [ids(response, name)]
    while cursor := response.json()["next_cursor"]:
        response = client.get(f"{address}&cursor={cursor}")
        found.append(ids(response, name))
    return found


def as_published(response: Any, model: type[BaseModel]) -> Any:
    """The answer, after checking that it is exactly what its documentation says."""
    assert response.status_code == 200, response.content
    model.model_validate_json(response.content, strict=True)
    return response.json()


def refusal(response: Any) -> dict[str, str]:
    """The reasons of a 422 by parameter."""
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid")
    return {each["field"]: each["reason"] for each in response.json()["errors"]}
