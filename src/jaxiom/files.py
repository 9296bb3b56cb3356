"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxiom.errors import BadInput


def check_writable(path: Path) -> None:
    """Raise unless a file can be written there; a run of minutes should not fail at its end."""
    folder = path.parent
    if os.path.isdir(path):
        raise BadInput(f"{path}: is a folder; name a file to write")
    if not os.path.isdir(folder):
        raise BadInput(f"{path}: cannot be written: there is no folder {str(folder)!r}")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{path}: cannot be written: the folder {str(folder)!r} is not writable")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it: a reader never sees half of it.

    Raises:
        BadInput: it cannot be written.
    """
    check_writable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.chmod(name, 0o666 & ~current_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def folder_for_results(path: Path) -> Iterator[None]:
    """A folder that files can be written in, made where there is none; one that stays empty is taken away again.

    Raises:
        BadInput: it cannot be made, or not be written in.
    """
    made = not path.is_dir()
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise BadInput(f"{path}: is a file; name a folder") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be made: {error.strerror or error}") from error
    try:
        check_writable(path / "results")
        yield
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def current_umask() -> int:
    """mkstemp makes private files; ours are ordinary ones."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
