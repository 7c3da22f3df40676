"""Trace context of OpenTelemetry, when the program has its API."""

from __future__ import annotations

import importlib
from types import ModuleType

_HEADERS = ("traceparent", "tracestate")


def _propagate() -> ModuleType | None:
    try:
        return importlib.import_module("opentelemetry.propagate")
    except ImportError:
        return None


_api = _propagate()


def trace_headers() -> list[tuple[str, str]]:
    """The headers that continue the current trace; none without a trace."""
    if _api is None:
        return []
    carrier: dict[str, str] = {}
    _api.inject(carrier)
    return [(key, carrier[key]) for key in _HEADERS if key in carrier]
