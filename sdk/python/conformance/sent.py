"""What a case really sends: the very bytes that leave, with the methods that they go to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

Opened = Callable[..., grpc.Channel]


class Sent:
    """Writes a line for each request of an insecure or a secure channel; attempts with the same bytes are one."""

    def __init__(self, file: Path) -> None:
        self.case = ""
        self._file = file
        self._seen: set[tuple[str, str, bytes]] = set()

    def listen(self) -> None:
        """To every channel that is opened from now on."""
        grpc.insecure_channel = self.heard(grpc.insecure_channel)
        grpc.secure_channel = self.heard(grpc.secure_channel)

    def heard(self, open_channel: Opened) -> Opened:
        def opened(*arguments: Any, **options: Any) -> grpc.Channel:
            channel = open_channel(*arguments, **options)
            for kind in ("unary_unary", "unary_stream"):
                setattr(channel, kind, self.told(getattr(channel, kind)))
            return channel

        return opened

    def told(self, callable_of: Callable[..., Any]) -> Callable[..., Any]:
        """Instead of what makes the calls of a method, what also listens to its serializer."""

        def made(method: str, request_serializer: Callable[[Any], bytes], *rest: Any, **options: Any) -> Any:
            def serialized(message: Any) -> bytes:
                data = request_serializer(message)
                self.note(method, data)
                return data

            return callable_of(method, serialized, *rest, **options)

        return made

    def note(self, method: str, data: bytes) -> None:
        known = (self.case, method, data)
        if known not in self._seen:
            self._seen.add(known)
            told = {"case": self.case, "method": method, "data": base64.b64encode(data).decode()}
            with self._file.open("a") as file:
                print(json.dumps(told), file=file)
