"""The key that signs sessions and seals what is stored encrypted: given, or made once and kept."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from testio_site.environment import Environment, InvalidEnvironment


def signing_key(environment: Environment) -> str:
    """`DJANGO_SECRET_KEY`, or the key kept in `DATA_DIR/secret_key`; see `kept_key`."""
    if environment.django_secret_key is not None:
        return environment.django_secret_key.get_secret_value()
    return kept_key(environment.data_dir / "secret_key")


def kept_key(path: Path) -> str:
    """The key in the file at `path`, made on first use, readable by its owner only.

    Safe when several processes start at once: the first file to get the name wins and all read that one.
    Raises InvalidEnvironment when the file can be neither read nor made, or holds something else.
    """
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not plain text"
        raise InvalidEnvironment(
            f"The signing key could not be kept in {path}: {reason}. "
            "Set DJANGO_SECRET_KEY, or point DATA_DIR at a folder this user may write."
        ) from failure
    if len(key) < 32:
        raise InvalidEnvironment(f"{path} holds no usable key. Delete it to have one made, or set DJANGO_SECRET_KEY.")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key")  # created with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, never replaces the key another process just made
    finally:
        Path(draft).unlink()
