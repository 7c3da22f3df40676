"""Where the token of a call comes from."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

#: A file is read again after so long at the latest.
REREAD_SECONDS = 10.0


class TokenSource:
    """A fixed token, a file that is read again when it has changed, or none."""

    def __init__(
        self,
        token: str | None,
        token_file: str | os.PathLike[str] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if token is not None and token_file is not None:
            raise ValueError("give token or token_file, not both")
        self._file = None if token_file is None else Path(token_file)
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = clock()
        self._token = (token or "").strip() if self._file is None else _first(self._file)
        if (token is not None or self._file is not None) and not _is_token(self._token):
            raise ValueError(f"{'the token' if self._file is None else self._file} is empty, or holds more than one token")

    def __bool__(self) -> bool:
        return bool(self._token)

    def __repr__(self) -> str:
        return "TokenSource(***)"

    def current(self) -> str:
        with self._lock:
            if self._file is not None and self._clock() - self._read_at >= REREAD_SECONDS:
                self._read()
            return self._token

    def refused(self, token: str) -> bool:
        """The server does not know this one: whether there is another one now."""
        with self._lock:
            if self._file is not None and self._token == token:
                self._read()
            return self._token != token

    def _read(self) -> None:
        """A file that is missing or empty is being replaced: the token before goes on."""
        if self._file is None:
            return
        self._read_at = self._clock()
        try:
            token = self._file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return
        if _is_token(token):
            self._token = token


def _first(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the token file {file} cannot be read") from error


def _is_token(text: str) -> bool:
    """What can go into a header; anything else would fail each call."""
    return re.fullmatch(r"[!-~]+", text) is not None
