"""Generated secrets in files only their owner can read. Called by the servers and by `up`; never logs what it holds."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept(path: Path, *, length_bytes: int = 24) -> str:
    """The secret in `path`, made the first time it is asked for."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return _made(path, length_bytes=length_bytes)


def _made(path: Path, *, length_bytes: int) -> str:
    value = secrets.token_urlsafe(length_bytes)
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    write_private(partial, value + "\n")
    partial.replace(path)
    return value


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by anybody else, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
