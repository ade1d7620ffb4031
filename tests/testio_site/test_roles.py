"""The table of rights: what each role and each scope may, and the groups that the migrations leave."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from testio_site import roles
from testio_site.roles import ROLES, ROOMS, Scope

LATEST = ("testio_site", "0001_api_tokens_and_roles")


def rights(group: str) -> set[str]:
    found = Permission.objects.filter(group__name=group).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def groups() -> dict[str, set[str]]:
    return {name: rights(name) for name in Group.objects.values_list("name", flat=True)}


@pytest.mark.django_db
def test_every_permission_of_the_table_exists() -> None:
    named = {name for role in ROLES for name in roles.of_role(role)}
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert named - known == set()


@pytest.mark.django_db
def test_a_viewer_may_look_at_everything_and_change_nothing_but_their_own_tokens_and_reports() -> None:
    rooms = Permission.objects.filter(content_type__app_label__in=ROOMS, codename__startswith="view_")
    looking = {f"{each.content_type.app_label}.{each.codename}" for each in rooms.select_related("content_type")}
    assert roles.of_scope(Scope.READ) == looking
    assert roles.of_role("Viewer") == looking | {
        "testio_site.view_apitoken", "testio_site.add_apitoken",
        "reports.add_savedreport", "reports.add_reportschedule",
    }  # fmt: skip


def test_each_role_may_what_the_one_before_it_may_and_more() -> None:
    viewer, triage, operator = map(roles.of_role, ("Viewer", "Triage", "Operator"))
    assert triage - viewer == {"problematic.map_tests", "problematic.retry_tests", "problematic.clear_events"}
    assert operator - triage == {
        "sync.run_syncs", "sync.cancel_runs", "sync.refresh_products", "sync.release_leases", "sync.change_customer",
        "reports.mail_outside", "testio_site.view_audit",
    }  # fmt: skip
    assert viewer < triage < operator


def test_scopes_add_up_and_none_includes_another() -> None:
    assert roles.of_scopes(["triage"]) & roles.of_scopes(["read", "operate"]) == frozenset()
    assert roles.of_scopes(Scope.values) | set(roles.OWN_TOKENS) == roles.of_role("Operator")
    assert roles.of_scopes([]) == frozenset()


@pytest.mark.django_db
def test_the_groups_have_what_the_table_says() -> None:
    assert groups() == {role: set(roles.of_role(role)) for role in ROLES}


@pytest.mark.django_db
def test_migrating_puts_back_what_a_role_lacks_and_leaves_what_was_added() -> None:
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.set(Permission.objects.filter(codename="add_user"))
    Group.objects.get(name="Triage").delete()
    call_command("migrate", verbosity=0)
    assert groups() == {role: set(roles.of_role(role)) for role in ROLES} | {
        "Viewer": {*roles.of_role("Viewer"), "auth.add_user"}
    }


@pytest.mark.django_db(transaction=True)
def test_the_migration_alone_makes_the_groups_and_takes_them_back() -> None:
    """Without Django's own step after the last migration, which creates permissions and would be too late."""
    try:
        MigrationExecutor(connection).migrate([("sync", None)])
        assert not Group.objects.filter(name__in=ROLES).exists()
        Permission.objects.filter(content_type__app_label__in=(*ROOMS, "testio_site")).delete()
        latest = MigrationExecutor(connection)
        latest.migrate([LATEST])
        assert "sync.view_product" in rights("Viewer")
        assert {"sync.run_syncs", "problematic.clear_events", "testio_site.add_apitoken"} <= rights("Operator")
    finally:
        latest = MigrationExecutor(connection)
        latest.migrate(latest.loader.graph.leaf_nodes())
