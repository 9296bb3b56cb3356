"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
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


def current_umask() -> int:
    """mkstemp makes private files; ours are ordinary ones."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
