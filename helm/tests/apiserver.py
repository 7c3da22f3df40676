"""A real API server takes every object of every mode of ci/: a dry run on its side, with unknown fields refused and Pod Security enforced.

Needs binaries that nothing here installs, named by variables: KUBE_APISERVER, and ETCD (Debian's etcd-server does). Kinds that Kubernetes does not
define are left out: it knows nothing of them. Called by scripts/apiserver.sh.
"""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from chart import MODES, pods, render

TOKEN = "only-for-this-run"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
FOREIGN = ("monitoring.coreos.com/", "gateway.networking.k8s.io/", "cert-manager.io/")
# What must be refused, or nothing is shown: by the schema, and by Pod Security.
WRONG = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "an-unknown-field"}, "dates": {}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-pod-that-may-be-root"}, "spec": {"containers": [{"name": "a", "image": "i"}]}},
]
# Longest start, seconds.
STARTS = 90


def free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def running(log, *command):
    with log.open("w") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


class Api:
    def __init__(self, port):
        self.at = f"https://127.0.0.1:{port}"
        # It makes its certificate itself, on this machine.
        self.context = ssl._create_unverified_context()

    def ask(self, path, body=None):
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.at + path, data, headers)
        return urllib.request.urlopen(request, context=self.context, timeout=20)

    def ready(self):
        with contextlib.suppress(OSError):
            return self.ask("/readyz").status == 200

    def refusal(self, made):
        """Why an object is not taken, or None."""
        try:
            self.ask(f"{place(made)}?dryRun=All&fieldValidation=Strict", made)
        except urllib.error.HTTPError as error:
            return f"{made['kind']} {made['metadata']['name']}: {json.load(error)['message']}"


def place(made):
    root = "/api/v1" if made["apiVersion"] == "v1" else f"/apis/{made['apiVersion']}"
    kind = made["kind"].lower()
    plural = kind[:-1] + "ies" if kind.endswith("y") else kind + ("es" if kind.endswith("s") else "s")
    return f"{root}/namespaces/partners/{plural}"


@contextlib.contextmanager
def cluster(folder):
    etcd, peer, port = free(), free(), free()
    key, tokens = folder / "accounts.key", folder / "tokens.csv"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
    store = [os.environ["ETCD"], "--data-dir", folder / "etcd", "--listen-client-urls", f"http://127.0.0.1:{etcd}"]
    store += ["--advertise-client-urls", f"http://127.0.0.1:{etcd}", "--listen-peer-urls", f"http://127.0.0.1:{peer}"]
    server = [os.environ["KUBE_APISERVER"], "--etcd-servers", f"http://127.0.0.1:{etcd}", "--secure-port", port, "--bind-address", "127.0.0.1"]
    server += ["--cert-dir", folder / "certs", "--token-auth-file", tokens, "--authorization-mode", "RBAC", "--service-account-key-file", key]
    server += ["--service-account-signing-key-file", key, "--service-account-issuer", "https://kubernetes.default.svc.cluster.local"]
    server += ["--disable-admission-plugins", "ServiceAccount"]
    # Without an address it asks for the machine's default route, and ends where there is none.
    server += ["--advertise-address", "127.0.0.1", "--service-cluster-ip-range", "10.0.0.0/24"]
    api = Api(port)
    with running(folder / "etcd.log", *store), running(folder / "apiserver.log", *server) as apiserver:
        until = time.monotonic() + STARTS
        while not api.ready():
            if apiserver.poll() is not None or time.monotonic() > until:
                sys.exit((folder / "apiserver.log").read_text()[-4000:])
            time.sleep(0.5)
        api.ask("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "partners", "labels": RESTRICTED}})
        yield api


def known(found):
    """Objects of Kubernetes itself, and each pod that they would make: Pod Security looks at pods alone."""
    own = [made for made in found if not made["apiVersion"].startswith(FOREIGN)]
    return own + [{"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "name": f"{name}-pod"}, "spec": spec} for name, meta, spec in pods(own)]


def main():
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as api:
        objects = [made for file in MODES for made in known(render(file=file))]
        for wrong in WRONG:
            if api.refusal(wrong) is None:
                sys.exit(f"{wrong['metadata']['name']} was taken: nothing is shown by this")
        refused = [said for said in map(api.refusal, objects) if said]
    print(*refused, sep="\n", end="\n" if refused else "")
    print(f"apiserver: {len(objects)} objects, {len(refused)} refused")
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
