"""Where a token may be sent: https, or plain http to this machine itself."""

from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
RULE = "must be an https:// address (http:// only for this machine itself), such as https://api.test.io/customer/v2"


def is_safe(url: str) -> bool:
    """Whether ``url`` is an API base address that a token may be sent to: no credentials, query or fragment in it."""
    try:
        parts = urlsplit(url)
        is_odd = parts.username or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return encrypted and bool(parts.hostname) and not is_odd
