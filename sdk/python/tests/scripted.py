"""A server in this process whose answers a test writes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from litebox_partner import client_v1, kkt_v1
from litebox_partner._gen.litebox.client.v1 import client_service_pb2_grpc
from litebox_partner._gen.litebox.kkt.v1 import kkt_service_pb2_grpc

Answer = Callable[[Any, grpc.ServicerContext], Any]


def details(code: grpc.StatusCode, *messages: Any) -> bytes:
    status = status_pb2.Status(code=code.value[0], message="no")
    for message in messages:
        packed = any_pb2.Any()
        packed.Pack(message)
        status.details.append(packed)
    return status.SerializeToString()


def refusal(code: grpc.StatusCode, reason: str, retry_s: int = 0, **metadata: str) -> Answer:
    """Answers an error as the server writes them."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain="litebox.ru", metadata=metadata)
    told: list[Any] = [info, error_details_pb2.LocalizedMessage(locale="ru-RU", message="Так нельзя.")]
    if retry_s:
        told.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=retry_s)))

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        context.set_trailing_metadata((("grpc-status-details-bin", details(code, *told)), ("x-request-id", "srv-1")))
        context.abort(code, "no")

    return answer


def down(_: Any, context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


class Server:
    """Takes the answers of `script` one after another; keeps what it was asked."""

    def __init__(self, *script: Answer, streams: int = 100) -> None:
        self.script: queue.Queue[Answer] = queue.Queue()
        for answer in script:
            self.script.put(answer)
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        self.inner = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_concurrent_streams", streams)])
        client_service_pb2_grpc.add_ClientServiceServicer_to_server(self.servicer("ClientService"), self.inner)
        kkt_service_pb2_grpc.add_KktServiceServicer_to_server(self.servicer("KktService"), self.inner)
        self.address = f"127.0.0.1:{self.inner.add_insecure_port('127.0.0.1:0')}"

    def servicer(self, name: str) -> Any:
        """Every method does what the script says."""
        module = client_v1 if name == "ClientService" else kkt_v1
        service = next(iter(module.ListRequest.DESCRIPTOR.file.services_by_name.values()))
        methods = {method.name: self.stream if method.server_streaming else self.unary for method in service.methods}
        return type(name, (), {key: staticmethod(value) for key, value in methods.items()})()

    def unary(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.next(request, context)(request, context)

    def stream(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from self.next(request, context)(request, context) or ()

    def next(self, request: Any, context: grpc.ServicerContext) -> Answer:
        self.requests.append(request)
        self.headers.append({key: value for key, value in context.invocation_metadata()})
        return self.script.get(timeout=5)

    def hang(self, _: Any, __: grpc.ServicerContext) -> Any:
        """Answers nothing for as long as the test goes on."""
        self.ended.wait(20)

    def __enter__(self) -> Server:
        self.inner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.inner.stop(None)


def kkt(state: int, revision: int, blocked: str = "") -> kkt_v1.Kkt:
    out = kkt_v1.Kkt(id="k", state=state, revision=revision)
    if blocked:
        out.blocked.reason = blocked
    return out


def change(item: kkt_v1.Kkt, token: str) -> kkt_v1.WatchResponse:
    return kkt_v1.WatchResponse(kkt=item, resume_token=token)


def end(token: str) -> kkt_v1.WatchResponse:
    return kkt_v1.WatchResponse(end=kkt_v1.End(), resume_token=token)


def tells(*messages: kkt_v1.WatchResponse, then: Answer | None = None) -> Answer:
    """A stream of these messages, which then ends, in order or as `then` says."""

    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[kkt_v1.WatchResponse]:
        yield from messages
        if then is not None:
            then(request, context)

    return answer


def gives(message: Any) -> Answer:
    return lambda _, __: message
