"""A PostgreSQL of a case's own, to be stopped under its server. `scripts/tools.sh` installs one."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

STARTED: set[subprocess.Popen] = set()


class Postgres:
    """Listens on a socket in a folder of its own; it is made without fsync, and used for seconds."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="litebox-postgres-"))
        programs, user = newest(), unprivileged(self.folder)
        log = (self.folder / "log").open("wb")
        common = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": self.folder, **user}
        with log:
            made = ["-D", "data", "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions"]
            subprocess.run([programs / "initdb", *made, "-E", "UTF8", "--locale=C.UTF-8"], check=True, **common)
            told = ["-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off"]
            self.child = subprocess.Popen([programs / "postgres", "-D", "data", *told], **common)
        STARTED.add(self.child)

    @property
    def url(self) -> str:
        return f"postgres://postgres@localhost/postgres?host={self.folder}"

    def stop(self) -> None:
        self.child.kill()
        self.child.wait()

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def newest() -> Path:
    """The folder of its programs: in PATH, or where Debian puts them."""
    beside = shutil.which("initdb")
    if beside:
        return Path(beside).resolve().parent
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        raise FileNotFoundError("PostgreSQL is not on this machine: make tools")
    return max(found, key=lambda folder: int(folder.parent.name))


def unprivileged(folder: Path) -> dict[str, object]:
    """Whom to run it as: it refuses to be root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise LookupError("there is no user to run PostgreSQL as")
