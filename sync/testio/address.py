"""Where a token may be sent: https, or plain http to this machine itself; and, unless allowed, to the internet only.

A public name may lead to a private address, and to another one a second later. So what is judged here is the address
that is connected to (see ``sync.testio.client``); a name is judged when it is entered, for the sake of whoever does.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
RULE = "must be an https:// address (http:// only for this machine itself), such as https://api.test.io/customer/v2"
PUBLIC_RULE = (
    "leads into a private network, where a token must not be sent. Use the address of TestIO's API; if yours is in "
    "your own network, the site's operator allows it with TESTIO_ALLOW_PRIVATE_ADDRESSES=true"
)

#: Translators between the two kinds of addresses carry an IPv4 address in the last four bytes (RFC 6052).
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")

#: All that IANA has given out for the internet of IPv6. What lies outside (64:ff9b:1::/48, 5f00::/16, fec0::/10 and
#: more) has uses inside of networks, of which Python's ``is_global`` knows some only.
_UNICAST: Final = IPv6Network("2000::/3")

#: Of IANA's registries of special addresses what ``is_global`` lets through, depending on the version of Python:
#: protocol assignments, the withdrawn relays to 6to4, and documentation.
_SPECIAL: Final = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
)


class NotPublic(Exception):
    """A host has no address on the internet: loopback, private, link-local (where clouds keep secrets), reserved."""


def is_safe(url: str) -> bool:
    """Whether ``url`` is an API base address that a token may be sent to: no credentials, query or fragment in it."""
    try:
        parts = urlsplit(url)
        is_odd = parts.username or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return encrypted and bool(parts.hostname) and not is_odd


def is_public(text: str) -> bool:
    """Whether an IP address is one on the internet, and carries none inside that is not."""
    found = ip_address(text.partition("%")[0])
    carried = _carried(found)
    if found.version == 6 and found not in _UNICAST and not carried:
        return False
    return all(_is_global(each) for each in (found, *carried))


def public_addresses(host: str, port: int | None = None) -> list[str]:
    """The addresses on the internet that ``host`` has right now, in the resolver's order.

    Raises ``NotPublic`` when it has others only, and OSError when its name cannot be looked up.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)]
    public = [text for text in dict.fromkeys(found) if is_public(text)]
    if not public:
        raise NotPublic(host)
    return public


def _is_global(found: IPv4Address | IPv6Address) -> bool:
    return found.is_global and not found.is_multicast and not any(found in block for block in _SPECIAL)


def _carried(found: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(found, IPv4Address):
        return []
    carried = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in _TRANSLATED:
        carried.append(IPv4Address(int(found) & 0xFFFFFFFF))
    return [each for each in carried if each is not None]
