"""The signing key that is made and kept where none is given."""

import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from testio_site.environment import InvalidEnvironment
from testio_site.signing_key import kept_key


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    key = kept_key(path)
    assert kept_key(path) == key
    assert len(key) >= 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        keys = list(processes.map(kept_key, [tmp_path / "secret_key"] * 16))
    assert len(set(keys)) == 1


def test_a_key_that_cannot_be_kept_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidEnvironment) as refusal:
        kept_key(tmp_path / "file" / "new" / "secret_key")
    assert str(refusal.value) == (
        f"The signing key could not be kept in {tmp_path / 'file' / 'new' / 'secret_key'}: Not a directory. "
        "Set DJANGO_SECRET_KEY, or point DATA_DIR at a folder this user may write."
    )


def test_a_key_file_that_was_emptied_is_not_silently_replaced(tmp_path: Path) -> None:
    """What was encrypted with the lost key would be lost too, without a word."""
    (tmp_path / "secret_key").touch()
    with pytest.raises(InvalidEnvironment, match="holds no usable key"):
        kept_key(tmp_path / "secret_key")
