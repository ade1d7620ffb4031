"""HEAD: what GET would answer, without the answer."""

from pathlib import Path
from typing import Any, cast

import pytest
from django.test import Client
from pytest_django import Settings

from tests.testio_site.callers import member, with_session
from tests.testio_site.test_visibility import ROUTES
from tests.testio_site.two_customers import Side

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def many_calls_and_files_of_this_test_alone(settings: Settings, tmp_path: Path) -> None:
    settings.DESK_API_REQUESTS_PER_MINUTE = 0
    settings.DATA_DIR = tmp_path


def test_head_answers_at_every_address_that_can_be_read_as_get_does_but_without_a_body() -> None:
    side = Side.of("ours", 550_000_000)
    side.owner.is_superuser = True
    side.owner.save()
    client = with_session(side.owner)
    for route in (route for route in ROUTES if route.reads):
        address = route.full_address(side)
        got, headed = client.get(address), cast("Any", client.head(address))
        body = b"".join(headed.streaming_content) if headed.streaming else headed.content
        assert (headed.status_code, body) == (got.status_code, b""), route
        assert set(headed.headers) == set(got.headers), route
        assert headed["Content-Type"] == got["Content-Type"], route
        got.close()  # the file among them


def test_head_says_how_long_the_answer_would_be_and_which_version_it_is() -> None:
    side = Side.of("ours", 550_000_000)
    client = with_session(member(side.customer))
    for address in ("/api/v1/tests", "/api/v1/customers/ours", "/api/v1/thresholds", "/api/v1/features"):
        got, headed = client.get(address), client.head(address)
        told = [answer.headers.get("ETag") for answer in (got, headed)]
        assert int(headed["Content-Length"]) == len(got.content), address
        assert told[0] == told[1], address
    known = {"If-None-Match": client.head("/api/v1/tests")["ETag"]}
    assert client.head("/api/v1/tests", headers=known).status_code == 304


def test_head_is_refused_where_get_is() -> None:
    assert Client().head("/api/v1/products").status_code == 401
    refused = Client().head("/api/v1/nothing")
    assert (refused.status_code, refused.content) == (404, b"")
    refused = Client().head("/api/v1/problematic/clear")
    assert (refused.status_code, refused["Allow"]) == (405, "POST")
