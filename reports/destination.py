"""Where a command writes a report: a file that is there whole or not at all, or standard output."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STANDARD_OUTPUT = "-"


class CannotWrite(Exception):
    """Why nothing can be written there, and what to do."""


def refuse(output: str, *, overwrite: bool) -> None:
    """Raises ``CannotWrite`` for a file that is there already, what is no plain file (a folder, a device, a link, which
    would be replaced), or a folder that is not there."""
    if output == STANDARD_OUTPUT:
        return
    path = Path(output)
    if path.is_dir():
        raise CannotWrite(f"{output} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise CannotWrite(f"There is no folder {path.parent}. Make it first, or write somewhere else.")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise CannotWrite(f"{output} is no plain file and is not replaced. Name another, or - for standard output.")
    if path.exists() and not overwrite:
        raise CannotWrite(f"{output} is there already. Say --force to replace it, or name another file.")


@contextmanager
def opened(output: str, *, overwrite: bool, is_streamed: bool) -> Iterator[BinaryIO]:
    """What to write to. A file gets its name when the block has ended well, replacing nothing unless ``overwrite``.

    Standard output gets what is streamed at once, everything else when it is complete. Raises ``CannotWrite``, and
    ``OSError`` for what the system refuses.
    """
    refuse(output, overwrite=overwrite)
    if output == STANDARD_OUTPUT:
        with _standard_output(is_streamed) as out:
            yield out
        return
    path = Path(output)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        _name(Path(draft), path, overwrite)
    finally:
        Path(draft).unlink(missing_ok=True)


@contextmanager
def _standard_output(is_streamed: bool) -> Iterator[BinaryIO]:
    if is_streamed:
        yield sys.stdout.buffer
    else:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _name(draft: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        draft.replace(path)
        return
    try:
        os.link(draft, path)  # unlike a rename, replaces nothing that came meanwhile
    except FileExistsError:
        refuse(str(path), overwrite=False)
    except OSError:  # a file system without links
        refuse(str(path), overwrite=False)
        draft.replace(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
