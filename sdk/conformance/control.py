"""The control endpoint: what a case asks for with {"do": NAME, …}, over HTTP on loopback."""

import json
import secrets
import signal
import subprocess
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import records
from frames import Call
from postgres import Postgres
from proxy import Proxy
from world import PATIENCE, Server, Trouble, World

MOSCOW = timezone(timedelta(hours=3))


class Control:
    """Carries out what a case asks for. Each method `do_NAME` takes the rest of the body as keywords."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.proxied = world.server
        self.proxy = Proxy(lambda: self.proxied.address)
        self.case = ""
        self.places: list[Call] = []
        self.heard = time.monotonic()

    def carry_out(self, body: dict) -> dict:
        self.heard = time.monotonic()
        asked = dict(body)
        action = getattr(self, f"do_{asked.pop('do', '')}", None)
        if action is None:
            raise Trouble(f"the harness has no {body.get('do')!r}")
        return action(**asked) or {}

    def do_world(self, case: str = "") -> dict:
        """A case begins: nothing that another one has set is left."""
        world = self.world
        self.case = case
        while self.places:
            self.places.pop().close()
        self.proxied = world.server
        world.end_extra()
        world.sandbox.reset()
        self.proxy.reset()
        return {
            "address": self.proxy.address,
            "direct": world.server.address,
            "token": world.token,
            "token_file": str(world.token_file),
            "partner_id": world.partner_id,
            "ref": str(uuid.uuid4()),
            "local_time": datetime.now(MOSCOW).strftime("%Y-%m-%dT%H:%M"),
            **self.do_shop(),
        }

    def do_shop(self) -> dict:
        return {"request_id": str(uuid.uuid4()), **self.world.shop()}

    def do_device(self, words: str = "", ending: str = "") -> dict:
        return self.world.device(words, ending)

    def do_patch_device(self, device: str, **change: object) -> None:
        self.world.sandbox.call("PATCH", f"devices/{device}", change)

    def do_fleet(self) -> dict:
        device = self.world.device()
        self.world.fleet(device)
        return device

    def do_fault(self, rule: str) -> dict:
        return self.world.sandbox.call("POST", "faults", {"rule": rule})

    def do_clear_faults(self) -> None:
        self.world.sandbox.reset()

    def do_held(self) -> dict:
        """Waits until a call is parked."""
        held = self.world.sandbox.call("GET", "holds?wait=15000")["holds"]
        if not held:
            raise Trouble("no call was parked")
        return {"count": len(held)}

    def do_entry(self, operation: str, kind: str = "command", **wanted: str) -> None:
        """Waits until the ledger has such an entry."""
        if not self.world.sandbox.awaited(operation, kind, wanted):
            raise Trouble(f"the ledger has no {kind} {operation} with {wanted}")

    def do_effects(self, operation: str, **wanted: str) -> dict:
        return {"count": len(self.world.sandbox.entries(operation, "effect", wanted))}

    def do_history(self, serial: str, detail: str) -> dict:
        return {"count": self.world.server.history(serial, detail)}

    def do_calls(self) -> dict:
        """What the proxy has seen since the case began, what it has done with it, and what it still has to do."""
        arms = self.proxy.arms
        done = {name: getattr(arms, name) for name in ("cut", "stalled", "answered")}
        return {"count": arms.calls, "waiting": len(arms.answers), **done}

    def do_cut_next_answer(self, times: int = 1) -> None:
        self.proxy.arm(lambda arms: setattr(arms, "cuts", times))

    def do_cut_all(self) -> None:
        self.proxy.cut_all()

    def do_refuse_next(self, times: int = 1) -> None:
        self.proxy.arm(lambda arms: setattr(arms, "refusals", times))
        self.proxy.cut_all()

    def do_stall_all(self) -> None:
        self.proxy.stall_all()

    def do_stall_next(self, times: int = 1) -> None:
        self.proxy.arm(lambda arms: setattr(arms, "stalls", times))

    def do_recorded(self, times: int = 1, **record: object) -> None:
        headers = records.headers(record)
        self.proxy.arm(lambda arms: arms.answers.extend([headers] * times))

    def do_misdirect_next(self) -> None:
        """The next call goes to a method of a release to come: the server is asked for it, and its answer passed on."""
        later = Call(self.world.server.address, "/litebox.kkt.v1.KktService/InventedLater", self.world.token, b"")
        headers = later.refusal()
        self.proxy.arm(lambda arms: arms.answers.append(headers))

    def do_occupy(self, places: int) -> None:
        """So many calls of other partners are under way at the newest second server, each waiting for the registers."""
        server = self.newest()
        self.do_fault("taxpayers.party:hold")
        for number in range(places):
            token = server.token(server.partner(f"Занятой {number}"))
            request = records.told(1, self.world.shop()["inn"])
            self.places.append(Call(server.address, "/litebox.client.v1.ClientService/LookupTaxpayer", token, request))
        if not self.world.sandbox.parked(places):
            raise Trouble(f"{places} calls were not parked")

    def do_lock_database(self) -> None:
        """Of the newest second server: whoever is about to write waits."""
        self.newest().lock()

    def do_stop_database(self) -> None:
        """Of the newest second server, under it."""
        for extra in self.world.extra:
            if isinstance(extra, Postgres):
                return extra.stop()
        raise Trouble("no server of the case is on PostgreSQL")

    def newest(self) -> Server:
        newest = self.world.extra[-1:]
        if not newest or not isinstance(newest[0], Server):
            raise Trouble("the case has no second server")
        return newest[0]

    def do_restart_server(self, hard: bool = False, new_page_keys: bool = False) -> None:
        if new_page_keys:
            self.world.server.settings["LITEBOX_SERVER_PAGE_KEYS"] = secrets.token_hex(32)
        self.world.server.restart(signal.SIGKILL if hard else signal.SIGTERM)

    def do_rotate_token(self, revoke_old: bool = True) -> dict:
        return {"token": self.world.rotate(revoke_old)}

    def do_revoke(self, token: str) -> None:
        self.world.server.revoke(token)

    def do_token(self, scopes: str = "all") -> dict:
        return {"token": self.world.server.token(self.world.partner_id, scopes)}

    def do_partner(self, theme: str = "LITEBOX") -> dict:
        """Another partner of the same server."""
        partner = self.world.server.partner(f"Другой {time.monotonic_ns()}", theme)
        return {"partner_id": partner, "token": self.world.server.token(partner)}

    def do_spoil(self, serial: str) -> None:
        self.world.server.spoil(serial)

    def do_server(self, settings: dict | None = None, recover: str = "", tls: bool = False, **where: bool) -> dict:
        """A second server until the case ends. `where`: on `postgres`; `proxied`, in place of the first."""
        files = certificates(self.world.folder) if tls else {}
        secured = {"LITEBOX_TLS_CERT": files["cert"], "LITEBOX_TLS_KEY": files["key"]} if tls else {}
        if tls:
            secured |= {"LITEBOX_TLS_CLIENT_CA": files["ca_file"], "LITEBOX_TLS_CLIENT_REQUIRED": "true"}
        postgres = where.get("postgres", False)
        server, partner, token = self.world.another({**secured, **(settings or {})}, recover, postgres)
        if where.get("proxied"):
            self.proxied = server
            self.proxy.cut_all()  # what leads to the first one is not used any more
        address = self.proxy.address if where.get("proxied") else server.address
        return {"address": address, "partner_id": partner, "token": token, **files}


def certificates(folder: Path) -> dict[str, str]:
    """An authority, and certificates of it for `partner.test` and for a client; a stranger's authority beside them."""
    where = folder / "tls"
    if not where.exists():
        where.mkdir()
        authority(where, "ca")
        authority(where, "stranger")
        leaf(where, "server", "subjectAltName=DNS:partner.test\nextendedKeyUsage=serverAuth")
        leaf(where, "client", "extendedKeyUsage=clientAuth")
    names = {"cert": "server.pem", "key": "server.key", "ca_file": "ca.pem", "stranger_file": "stranger.pem"}
    names |= {"client_cert": "client.pem", "client_key": "client.key"}
    return {key: str(where / name) for key, name in names.items()}


def openssl(where: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True, timeout=PATIENCE)


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def authority(where: Path, name: str) -> None:
    subject = ("-subj", f"/CN={name}", "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(where, "req", "-x509", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", *subject)


def leaf(where: Path, name: str, extensions: str) -> None:
    (where / f"{name}.ext").write_text(f"basicConstraints=CA:FALSE\n{extensions}\n")
    openssl(where, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
    openssl(where, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)


class Endpoint:
    """Serves a Control on a free port of loopback, one request after another."""

    def __init__(self, control: Control) -> None:
        turn = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                try:
                    with turn:
                        status, answer = 200, control.carry_out(body)
                except Exception as error:  # whatever it is, the runner shows it as the case's failure
                    status, answer = 500, {"error": f"{type(error).__name__}: {error}"}
                data = json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:{}/".format(self.http.server_address[1])
