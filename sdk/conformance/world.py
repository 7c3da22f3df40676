"""A world of its own for one run: the sandbox, the server on SQLite, and the operator's commands beside them."""

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from postgres import STARTED, Postgres

BINARY = os.environ.get("LITEBOX_BIN", "target/debug/litebox-partner")
PATIENCE = 30.0
# Operator's words for things of which each case wants a fresh one.
FIRST_DEVICE = 100_100
FIRST_INN = 771_200_000


class Trouble(Exception):
    """The harness cannot do what a case asks for."""


def free_environment(settings: dict[str, str]) -> dict[str, str]:
    """Of the caller's settings nothing is inherited."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LITEBOX_")}
    return {**kept, **settings, "NO_COLOR": "1"}


class Process:
    """A running process of the binary, with its log in a file."""

    def __init__(self, arguments: list[str], settings: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                [BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=free_environment(settings)
            )
        STARTED.add(self.child)

    def says(self, words: str) -> dict[str, str]:
        """The `name=value` pairs of the first line with these words in it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            ended = self.child.poll() is not None
            lines = self.log.read_text(errors="replace").splitlines(keepends=True)
            for line in lines:
                if words in line and line.endswith("\n"):
                    return pairs(line)
            if ended:
                raise Trouble(f"ended at once: {''.join(lines[-3:])}")
            time.sleep(0.01)  # a file tells nobody that it has grown
        raise Trouble(f"{self.log} does not say `{words}`")

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.child.poll() is None:
            self.child.send_signal(how)
        self.child.wait(PATIENCE)


def pairs(line: str) -> dict[str, str]:
    words = (word.split("=", 1) for word in line.split() if "=" in word)
    return {key: value.strip('"') for key, value in words}


def call_json(method: str, url: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read()
    return json.loads(text) if text else {}


class Sandbox:
    """The outer systems, and their control interface."""

    def __init__(self, folder: Path) -> None:
        delays = ["--rnm-delay", "30", "--card-delay", "30"]
        ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
        self.process = Process(["sandbox", *ports, *delays, "--no-fsync", "--no-argon2"], {}, folder / "sandbox.log")
        told = self.process.says("the sandbox listens")
        self.http, self.grpc = told["http"], told["grpc"]

    def call(self, method: str, path: str, body: object = None) -> dict:
        return call_json(method, f"{self.http}/sandbox/{path}", body)

    def reset(self) -> None:
        """What one case has set must not strike the next one."""
        self.call("DELETE", "faults")
        self.call("POST", "holds/release")

    def parked(self, count: int) -> bool:
        """Whether so many calls come to be parked."""
        end = time.monotonic() + PATIENCE / 2
        while time.monotonic() < end:
            if len(self.call("GET", "holds?wait=500")["holds"]) >= count:
                return True
        return False

    def entries(self, operation: str, kind: str, wanted: dict[str, str], more: str = "") -> list[dict]:
        """Entries of the ledger with these facts; `protocol.Operation` as in rules of faults."""
        protocol, name = operation.split(".")
        found = self.call("GET", f"ledger?kind={kind}&protocol={protocol}&operation={name}{more}")["entries"]
        return [entry for entry in found if wanted.items() <= entry.get("facts", {}).items()]

    def awaited(self, operation: str, kind: str, wanted: dict[str, str]) -> bool:
        """Whether such an entry comes: the sandbox answers when there is one more than before."""
        end, count = time.monotonic() + PATIENCE / 2, 0
        while time.monotonic() < end:
            count += 1
            if self.entries(operation, kind, wanted, f"&count={count}&wait=500"):
                return True
        return False


class Server:
    """One server with a database of its own; started again it is found where it was."""

    def __init__(self, folder: Path, sandbox: Sandbox, settings: dict[str, str]) -> None:
        self.folder, self.recover, self.starts = folder, "", 0
        self.database = folder / "litebox.db"
        self.lockers: list[sqlite3.Connection] = []
        self.settings = {**server_settings(sandbox, self.database), **settings}
        self.operate("migrate", "--wait", "20")
        self.start()

    def start(self) -> None:
        self.starts += 1
        arguments = ["serve", *(["--recover", self.recover] if self.recover else [])]
        self.process = Process(arguments, self.settings, self.folder / f"server-{self.starts}.log")
        self.address = self.process.says("listening")["address"]
        self.settings["LITEBOX_SERVER_LISTEN"] = self.address

    def restart(self, how: signal.Signals) -> None:
        self.process.end(how)
        self.start()

    def end(self) -> None:
        self.process.end()
        for locker in self.lockers:
            locker.close()

    def operate(self, *arguments: str) -> str:
        """A command of the operator's; what it prints."""
        command = [BINARY, "--actor", "conformance", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=free_environment(self.settings), timeout=PATIENCE)
        if done.returncode != 0:
            raise Trouble(f"`{' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def partner(self, name: str, theme: str = "LITEBOX") -> str:
        return self.operate("partner", "add", name, "--theme", theme, "--reason", "conformance")

    def token(self, partner: str, scopes: str = "all") -> str:
        return self.operate("token", "issue", partner, "--scopes", scopes, "--reason", "conformance")

    def revoke(self, token: str) -> None:
        key = token.removeprefix("lbp_test_")[:12]
        self.operate("token", "revoke", key, "--reason", "conformance")

    def history(self, serial: str, detail: str) -> int:
        """How often this stands in the history of registrations of that serial number."""
        database = sqlite3.connect(self.database, timeout=PATIENCE)
        lines = "SELECT count(*) FROM kkt_history JOIN kkt ON kkt.id = kkt_id WHERE serial = ? AND detail = ?"
        (count,) = database.execute(lines, (serial, detail)).fetchone()
        database.close()
        return count

    def lock(self) -> None:
        """Another one is writing, and does not come to an end."""
        locker = sqlite3.connect(self.database, timeout=PATIENCE, check_same_thread=False)
        self.lockers.append(locker)
        locker.execute("BEGIN IMMEDIATE")

    def spoil(self, serial: str) -> None:
        """Makes a row that nobody can read: a defect, as far as callers can tell."""
        database = sqlite3.connect(self.database, timeout=PATIENCE)
        with database:
            done = database.execute("UPDATE kkt SET spec = '{}' WHERE serial = ?", (serial,)).rowcount
        database.close()
        if done != 1:
            raise Trouble(f"{done} registrations of {serial}")


def server_settings(sandbox: Sandbox, database: Path) -> dict[str, str]:
    """Test mode, short pauses, and no breaker: what one case lets fail must not be held against the next."""
    return {
        "LITEBOX_MODE": "test",
        "LITEBOX_SERVER_LISTEN": "127.0.0.1:0",
        "LITEBOX_SERVER_PAGE_KEYS": secrets.token_hex(32),
        "LITEBOX_SERVER_WATCH_POLL_MS": "50",
        "LITEBOX_SERVER_TOKEN_CACHE_MS": "0",
        "LITEBOX_SERVER_ACCESS_POLL_MS": "50",
        "LITEBOX_METRICS_LISTEN": "",
        "LITEBOX_SHUTDOWN_DELAY_MS": "0",
        "LITEBOX_SHUTDOWN_DRAIN_MS": "2000",
        "LITEBOX_DATABASE_URL": f"sqlite:{database}",
        "LITEBOX_GATEWAYS_BREAKER_FAILURES": "0",
        "LITEBOX_GATEWAYS_TAXPAYERS_BASE_URL": sandbox.http,
        "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY": "sandbox",
        "LITEBOX_GATEWAYS_TAXPAYERS_CACHE_SECONDS": "0",
        "LITEBOX_GATEWAYS_ACCOUNTS_URL": sandbox.grpc,
        "LITEBOX_GATEWAYS_FNS_URL": sandbox.grpc,
        "LITEBOX_GATEWAYS_OFD_URL": sandbox.grpc,
        "LITEBOX_GATEWAYS_DEVICE_POLL_INTERVAL_MS": "20",
        "LITEBOX_WORKER_IDLE_POLL_MS": "50",
        "LITEBOX_WORKER_LEASE_MS": "2000",
        "LITEBOX_WORKER_BACKOFF_MS": "50",
        "LITEBOX_WORKER_FNS_POLL_MS": "50",
        "LITEBOX_WORKER_TASK_POLL_MS": "50",
        "LITEBOX_WORKER_DEVICE_POLL_MS": "200",
        "LITEBOX_LOG_FORMAT": "text",
    }


class World:
    """What a language's runner meets; everything a case may ask the operator for."""

    def __init__(self) -> None:
        self.temp = tempfile.TemporaryDirectory(prefix="litebox-conformance-")
        self.folder = Path(self.temp.name)
        self.devices, self.inns, self.others = FIRST_DEVICE, FIRST_INN, 0
        self.sandbox = Sandbox(self.folder)
        self.extra: list[Server | Postgres] = []
        try:
            self.server = Server(self.sub("main"), self.sandbox, {})
        except BaseException:
            self.sandbox.process.end()
            raise
        self.partner_id = self.server.partner("Партнёр Альфа")
        self.token = self.server.token(self.partner_id)
        self.token_file = self.folder / "token"
        self.token_file.write_text(self.token + "\n")

    def sub(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path

    def another(self, settings: dict[str, str], recover: str = "", postgres: bool = False) -> tuple[Server, str, str]:
        """A server with other settings, a partner on it and its token."""
        self.others += 1
        if postgres:
            self.extra.append(database := Postgres())
            settings = {"LITEBOX_DATABASE_URL": database.url, **settings}
        server = Server(self.sub(f"other-{self.others}"), self.sandbox, settings)
        self.extra.append(server)
        partner = server.partner("Партнёр Гамма")
        token = server.token(partner)
        if recover:
            server.recover = recover
            server.restart(signal.SIGTERM)
        return server, partner, token

    def end_extra(self) -> None:
        while self.extra:
            self.extra.pop().end()

    def device(self, words: str = "", ending: str = "", hub: str = "") -> dict[str, str]:
        """A register behind the sandbox's hub, never used before, assigned to the partner."""
        self.devices += 1
        number = int(f"{self.devices % 80 + 20}{ending}") if ending else self.devices
        name = f"kkt-{number}{words and '.' + words}"
        at = hub or self.sandbox.http
        assign = ["device", "assign", self.partner_id, "--hub", at, "--hub-device", name]
        device = self.server.operate(*assign, "--reason", "conformance")
        return {
            "deviceId": device,
            "hubDevice": name,
            "serial": f"00106100{number:06}",
            "fnSerial": f"9999078902{number:06}",
            "activationCode": f"FD13MM{self.devices:06}",
        }

    def fleet(self, device: dict[str, str]) -> None:
        """Puts one register into the partner's rental fleet."""
        file = self.folder / "fleet.csv"
        columns = "model,serial,fn,device_id"
        file.write_text(f"{columns}\nАТОЛ 30Ф,{device['serial']},{device['fnSerial']},{device['deviceId']}\n")
        self.server.operate("fleet", "import", self.partner_id, str(file), "--reason", "conformance")

    def shop(self) -> dict[str, str]:
        """A tax number that nobody has used, and an e-mail."""
        self.inns += 1
        digits = [int(digit) for digit in str(self.inns)]
        weights = (2, 4, 10, 3, 5, 9, 4, 6, 8)
        check = sum(digit * weight for digit, weight in zip(digits, weights)) % 11 % 10
        inn = f"{self.inns}{check}"
        return {"inn": inn, "email": f"shop{inn}@example.ru"}

    def rotate(self, revoke_old: bool) -> str:
        old, self.token = self.token, self.server.token(self.partner_id)
        fresh = self.token_file.with_suffix(".new")
        fresh.write_text(self.token + "\n")
        fresh.replace(self.token_file)  # as a kubelet does: never half a token
        if revoke_old:
            self.server.revoke(old)
        return self.token

    def end(self) -> None:
        self.end_extra()
        self.server.process.end()
        self.sandbox.process.end()
        self.temp.cleanup()
