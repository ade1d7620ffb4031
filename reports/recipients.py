"""Who may be mailed what: a report leaves the site, so its data may not go to those who could not see it here.

Everybody who may schedule can mail to themselves, and to people who see all customers the report is about. Any other
address needs a permission of its own. It is asked again before every mail: memberships end, and reports are changed.
"""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models.functions import Lower

from reports import catalogue
from reports.catalogue import BadParameters, NoSuchReport, ReportError
from reports.models import SavedReport
from sync import access as caller
from sync.access import Access

#: To mail reports to addresses of nobody who could see them here.
OUTSIDE = "reports.mail_outside"


class Strangers(ReportError):
    """Addresses that this report may not be mailed to, and what to do."""


def refuse_strangers(access: Access, saved: SavedReport, addresses: Collection[str]) -> None:
    """Raises ``Strangers``. The report's owner is the caller."""
    if access.may(OUTSIDE):
        return
    wanted = {address.strip().lower(): address for address in addresses}
    for known in _known(access, saved, wanted):
        wanted.pop(known, None)
    if wanted:
        raise Strangers(
            f"{', '.join(sorted(wanted.values()))}: no user who sees all customers this report is about has such an "
            "address. Make them members of these customers, or ask an operator, who may mail to any address."
        )


def customers_of(access: Access, saved: SavedReport) -> frozenset[int] | None:
    """Whose data a saved report shows its owner; None: that of all customers, now and later."""
    about = frozenset(customer.pk for customer in saved.customers.all())
    narrowed = catalogue.narrowed(access, about or None)
    try:
        asked = catalogue.built_in(saved.report).read(saved.parameters)
    except (NoSuchReport, BadParameters):
        return narrowed.customers
    name, products = getattr(asked, "customer", None), getattr(asked, "product_id", None)
    if not name and not products:
        return narrowed.customers
    rows = caller.customers(narrowed)
    if name:
        rows = rows.filter(name=name)
    if products:
        rows = rows.filter(products__in=products)
    return frozenset(rows.values_list("pk", flat=True))


def _known(access: Access, saved: SavedReport, wanted: Collection[str]) -> set[str]:
    about = customers_of(access, saved)
    users = User.objects.filter(is_active=True).alias(address=Lower("email")).filter(address__in=wanted)
    own = {access.user.email.lower()} if access.user.email else set()
    return own | {user.email.lower() for user in users if _sees(caller.of_user(user), about)}


def _sees(reader: Access, about: frozenset[int] | None) -> bool:
    return reader.customers is None or (about is not None and about <= reader.customers)
