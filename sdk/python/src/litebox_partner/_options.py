"""How a Partner reaches the service."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import grpc

from litebox_partner._token import TokenSource
from litebox_partner._version import __version__

USER_AGENT = f"litebox-partner-python/{__version__}"
DEFAULT_TIMEOUT = 20.0
#: The service gives a sign of life every 15 seconds.
DEFAULT_WATCH_SILENCE = 60.0
_ADDRESS = re.compile(r"(dns:///)?(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+):\d{1,5}")
File = str | os.PathLike[str]


@dataclass(frozen=True)
class Tls:
    """What TLS is checked against. Without a word of it, the certificate authorities of gRPC, and the address's name."""

    #: PEM file of the authorities to believe instead.
    ca_file: File | None = None
    #: PEM files with which this side shows who it is, when the server asks for it.
    cert_file: File | None = None
    key_file: File | None = None
    #: Name in the server's certificate, when it is not that of the address.
    server_name: str | None = None


@dataclass(frozen=True)
class Options:
    """All that was given to a Partner, once it is known to go together."""

    address: str
    token: TokenSource
    partner_id: str | None
    tls: Tls
    plaintext: bool
    timeout: float
    watch_silence: float


def checked(
    address: str,
    token: str | None,
    token_file: File | None,
    partner_id: str | None,
    tls: Tls | None,
    plaintext: bool,
    allow_token_in_plaintext: bool,
    timeout: float,
    watch_silence: float,
) -> Options:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"address must be host:port, and is {address!r}")
    if plaintext and tls is not None:
        raise ValueError("plaintext=True and tls do not go together")
    if timeout <= 0 or watch_silence <= 0:
        raise ValueError("timeout and watch_silence must be more than 0 seconds")
    source = TokenSource(token, token_file)
    if plaintext and source and not allow_token_in_plaintext:
        raise ValueError(
            "a token would be sent in plain text, where anybody on the way can read it: use TLS (leave plaintext=True out), "
            "or pass allow_token_in_plaintext=True when the way is protected otherwise, such as on loopback or in a mesh"
        )
    return Options(address, source, partner_id, tls or Tls(), plaintext, timeout, watch_silence)


def service_config() -> str:
    """The retry policy that all client libraries share."""
    return resources.files("litebox_partner").joinpath("service_config.json").read_text()


def channel_options(tls: Tls, own_connection: bool) -> list[tuple[str, str | int]]:
    """Streams of Watch get a connection of their own: a hundred of them would leave no room for calls.

    Seldom pings, and only under way: the server's streams of Watch show a sign of life every 15 seconds anyway."""
    out: list[tuple[str, str | int]] = [
        ("grpc.service_config", service_config()),
        ("grpc.enable_retries", 0),
        ("grpc.primary_user_agent", USER_AGENT),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]
    if own_connection:
        out.append(("grpc.use_local_subchannel_pool", 1))
    if tls.server_name is not None:
        out.append(("grpc.ssl_target_name_override", tls.server_name))
    return out


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    if (tls.cert_file is None) != (tls.key_file is None):
        raise ValueError("cert_file and key_file belong together")
    return grpc.ssl_channel_credentials(_content(tls.ca_file), _content(tls.key_file), _content(tls.cert_file))


def _content(file: File | None) -> bytes | None:
    return None if file is None else Path(file).read_bytes()
