"""Who may do what, in one table: the roles that people have, and the scopes of API tokens.

Each level adds to the one before it, and a role has all levels up to its own. The scopes of a token only add up: a
token that starts syncs and reads nothing is possible, so that it can do no other harm when it gets lost.

The groups are the program's own. The first migration makes them, and every later ``migrate`` puts back what they lack
(a new version may have new tables to look at) and leaves alone what was added. Whoever wants other sets of permissions
makes other groups. The migration calls ``ensure`` with the models of its time, so this module reads nothing but them.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions
from django.db.models import Q, TextChoices

#: The rooms whose tables everybody with a role may look at. One that is not there (yet) is passed over.
ROOMS = ("sync", "problematic", "reports")


class Scope(TextChoices):
    """What an API token may do."""

    READ = "read", "Read: see everything that is synced, problems and reports"
    TRIAGE = "triage", "Triage: map, retry and clear what could not be read"
    OPERATE = (
        "operate",
        (
            "Operate: start and cancel syncs, refresh products, release leases, change customers, save reports and "
            "have them mailed, read the audit trail"
        ),
    )


#: What everybody with a role may besides: keep reports of their own, and mail them to people who may see what is in
#: them. A token needs the scope to operate for that: one that only reads leaves nothing behind.
OWN_REPORTS = ("reports.add_savedreport", "reports.add_reportschedule")

#: What each level adds to looking.
CHANGES: dict[Scope, tuple[str, ...]] = {
    Scope.READ: (),
    Scope.TRIAGE: ("problematic.map_tests", "problematic.retry_tests", "problematic.clear_events"),
    Scope.OPERATE: (
        "sync.run_syncs",
        "sync.cancel_runs",
        "sync.refresh_products",
        "sync.release_leases",
        "sync.change_customer",  # to renew a token, choose products, end a pause; adding and removing is set-up
        *OWN_REPORTS,
        "reports.mail_outside",
        "testio_site.view_audit",  # of their own customers, and what they did themselves
    ),
}

#: And what they have for programs: tokens of their own, which never have more rights than they have.
OWN_TOKENS = ("testio_site.view_apitoken", "testio_site.add_apitoken")

ROLES: dict[str, tuple[Scope, ...]] = {
    "Viewer": (Scope.READ,),
    "Triage": (Scope.READ, Scope.TRIAGE),
    "Operator": (Scope.READ, Scope.TRIAGE, Scope.OPERATE),
}


@cache
def of_scope(scope: str) -> frozenset[str]:
    """The permissions of one scope, as ``app.name``."""
    looking = _looking(current_apps) if scope == Scope.READ else ()
    return frozenset((*looking, *CHANGES[Scope(scope)]))


def of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """What a token with these scopes may do, if its owner may."""
    return frozenset().union(*map(of_scope, scopes))


def of_role(role: str) -> frozenset[str]:
    return of_scopes(ROLES[role]) | frozenset((*OWN_TOKENS, *OWN_REPORTS))


def ensure(apps: Any = current_apps, using: str = "default") -> None:
    """Make the groups that are missing, and give each the permissions it lacks."""
    group_model, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for role, scopes in ROLES.items():
        group, _ = group_model.objects.using(using).get_or_create(name=role)
        changes = [name for scope in scopes for name in CHANGES[scope]]
        wanted = Q.create(
            [_named(name) for name in (*_looking(apps), *changes, *OWN_TOKENS, *OWN_REPORTS)], connector=Q.OR
        )
        group.permissions.add(*permission.objects.using(using).filter(wanted))


def create_all_permissions(apps: Any, using: str) -> None:
    """For migrations: the permissions of all rooms, which Django itself creates only after the last migration."""
    for config in (each for each in apps.get_app_configs() if each.label in (*ROOMS, "testio_site")):
        config.models_module = True  # what Django looks for; the apps of a migration have none
        create_permissions(config, apps=apps, verbosity=0, using=using)
        config.models_module = None


def remove(apps: Any, using: str) -> None:
    """Take the groups back."""
    apps.get_model("auth", "Group").objects.using(using).filter(name__in=ROLES).delete()


def _looking(apps: Any) -> tuple[str, ...]:
    """The permissions to look at every table of the rooms. Tables without a model of their own have none."""
    there = [label for label in ROOMS if any(config.label == label for config in apps.get_app_configs())]
    models = [model for label in there for model in apps.get_app_config(label).get_models()]
    return tuple(f"{model._meta.app_label}.view_{model._meta.model_name}" for model in models)


def _named(permission: str) -> Q:
    app, _, codename = permission.partition(".")
    return Q(content_type__app_label=app, codename=codename)
