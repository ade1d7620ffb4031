"""What the tests of the API share: its addresses, callers with chosen permissions, problems as they must look."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from problematic.models import ProblematicEvent
from tests.factories import MARCH
from tests.problematic.factories import ProblematicEventFactory

BASE = "/api/v1/problematic"

READ, MAP, RETRY, CLEAR = "view_problematicevent", "map_tests", "retry_tests", "clear_events"


def caller(*permissions: str, name: str = "tess") -> Client:
    """A client of a user who has exactly these permissions, for all customers."""
    user = User.objects.create_user(name)
    granted = Permission.objects.filter(codename__in=permissions, content_type__app_label="problematic")
    user.user_permissions.set([*granted, Permission.objects.get(codename="see_all_customers")])
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, address: str, body: object, **headers: str) -> Any:
    return client.post(address, body, content_type="application/json", headers=headers)


def kind(response: Any) -> tuple[int, str]:
    """Status and type of a problem, after checking that the answer has everything a problem must have."""
    document = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert (document["status"], document["instance"]) == (response.status_code, response.request["PATH_INFO"])
    return response.status_code, document["type"].removeprefix("/problems/")


def errors(response: Any) -> dict[str, str]:
    """The reasons of a 422 by field."""
    return {each["field"]: each["reason"] for each in response.json()["errors"]}


def resolved_event(**values: Any) -> ProblematicEvent:
    ended = {"status": "resolved", "resolved_at": MARCH, "resolution": "A sync read through this place."}
    return ProblematicEventFactory.create(**ended | values)
