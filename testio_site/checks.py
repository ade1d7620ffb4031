"""What `manage.py check --deploy` says of this site's own settings; `make run` asks it, and so does each start."""

import logging
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

log = logging.getLogger(__name__)


def exposure(**_: Any) -> list[CheckMessage]:
    """A check as Django asks for it (registered by ``testio_site.apps``)."""
    return [*_encryption(), *_private_addresses(), *_contact()]


def say_loudly() -> None:
    """For the start of the site: what is unsafe by choice is said each time."""
    for message in exposure():
        if message.is_serious(logging.WARNING):
            log.warning("%s %s", message.msg, message.hint)


def _encryption() -> list[CheckMessage]:
    if not settings.DESK_PLAIN_HTTP:
        return []
    if settings.DESK_IS_FOR_THIS_MACHINE:
        hint = "To put it online, name its host in DJANGO_ALLOWED_HOSTS; pages are then served by https only."
        return [checks.Info("The site is for this machine only, by plain http.", hint, id="desk.I001")]
    hint = "Set DESK_PLAIN_HTTP=false and put TLS in front of the site (see docs/operating.md)."
    sentence = (
        "DESK_PLAIN_HTTP is on: passwords, sessions and API tokens cross the network for everybody on it to read."
    )
    return [checks.Warning(sentence, hint, id="desk.W001")]


def _private_addresses() -> list[CheckMessage]:
    if not settings.TESTIO_ALLOW_PRIVATE_ADDRESSES or settings.DESK_IS_FOR_THIS_MACHINE:
        return []
    hint = "Leave TESTIO_ALLOW_PRIVATE_ADDRESSES out unless TestIO is reached through your own network."
    sentence = "Whoever may edit customers can have the site call addresses inside your network."
    return [checks.Warning(sentence, hint, id="desk.W002")]


def _contact() -> list[CheckMessage]:
    if settings.DESK_SECURITY_CONTACT or settings.DESK_IS_FOR_THIS_MACHINE:
        return []
    hint = "Name an address or a page in DESK_SECURITY_CONTACT."
    sentence = "Nobody learns from /.well-known/security.txt whom to tell of a hole in this site."
    return [checks.Info(sentence, hint, id="desk.I002")]
