#!/usr/bin/env bash
# Assembles the root directory of the image as the Dockerfile does, and runs it as the Dockerfile says: as its user, root read only, nothing else
# in sight. There is no container engine here: that an engine builds the Dockerfile is not shown by this.
# Usage: scripts/image.sh [BINARY]: with one that is built already, what it is and how large is not looked at.
set -euo pipefail
cd "$(dirname "$0")/.."
work=target/image
context=$work/context root=$work/root

rm -rf "$context" "$root"
mkdir -p "$work"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
if [ $# = 0 ]; then
    # What .dockerignore lets into the build, and nothing else: a file that is missing there is missing here.
    sed -n 's|^!/||p' .dockerignore | while read -r path; do
        mkdir -p "$context/$(dirname "$path")"
        cp -a "$path" "$context/$path"
    done
    commit=$(git rev-parse HEAD)
    LITEBOX_COMMIT=$commit CARGO_TARGET_DIR=target cargo build --locked --release --quiet --manifest-path "$context/Cargo.toml" --bin litebox-partner
    built=target/release/litebox-partner told="litebox-partner $version ($commit)" most=$((40 * 1024 * 1024))
else
    # It may tell its commit or not.
    built=$1 told=$("$1" --version) most=$((200 * 1024 * 1024))
fi
strip --strip-all -o "$work/litebox-partner" "$built"
bash scripts/rootfs.sh "$work/litebox-partner" "$root"

fail() { echo "$*" >&2; exit 1; }
# As the container's user, with what its runtime gives: /proc, /dev, an empty /tmp and /data, and a network of its own (or ours: NET=--share-net).
inside() {
    # shellcheck disable=SC2086 # none, or one word
    bwrap --unshare-all ${NET-} --uid 65532 --gid 65532 --die-with-parent --new-session --clearenv \
        --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --tmpfs /data --chdir /data \
        --setenv SSL_CERT_FILE /etc/ssl/certs/ca-certificates.crt ${GIVEN[@]+"${GIVEN[@]}"} /usr/bin/litebox-partner "$@"
}

bytes=$(du -sb "$root" | cut -f1)
[ "$bytes" -le "$most" ] || fail "the image is larger than $most bytes: $bytes"
# Programs: the one, and the libraries' loader. No shell, nothing that changes who runs it, nothing others may write.
found=$(cd "$root" && find . -type f -perm /111 ! -name '*.so*' | sort | xargs)
[ "$found" = ./usr/bin/litebox-partner ] || fail "the image has other programs: $found"
[ -z "$(find "$root" -perm /6000 -o -type f -perm /022)" ] || fail "the image has files that others may write or that change who runs them"

[ "$(inside --version)" = "$told" ] || fail "the image does not tell its version and commit: $(inside --version)"
grep -q "image.version=\"$version\"" Dockerfile || fail "the Dockerfile has another version than Cargo.toml"
inside config check >/dev/null || fail "the image's defaults are unfit"
! inside config check --config /nowhere.toml >/dev/null 2>&1 || fail "a file that is not there is fit"
# As README.md runs the container: on all addresses of its network.
GIVEN=()
while IFS== read -r name value; do GIVEN+=(--setenv "$name" "$value"); done < <(sed -n '/^docker run/,/[^\]$/p' README.md | grep -o 'LITEBOX_[A-Z_]*=[^ ]*')
[ "${#GIVEN[@]}" -gt 0 ] || fail "README.md runs no container"
inside serve >"$work/serve.log" 2>&1 &
serve=$!
for _ in $(seq 300); do
    if grep -q '"message":"ready"' "$work/serve.log" || ! kill -0 "$serve" 2>/dev/null; then break; fi
    sleep 0.1
done
kill "$serve" 2>/dev/null || true
wait "$serve" 2>/dev/null || true
grep -q '"message":"ready"' "$work/serve.log" && grep -q '"address":"0.0.0.0:50051"' "$work/serve.log" ||
    { tail -20 "$work/serve.log" >&2; fail "the server does not run as README.md runs it"; }
GIVEN=()
NET=--share-net inside demo --once >"$work/demo.log" 2>&1 || { tail -20 "$work/demo.log" >&2; fail "the demo fails in the image"; }
tail -1 "$work/demo.log"
.tools/python/bin/hadolint Dockerfile
echo "image: $((bytes / 1024)) KiB, as user 65532 on a read-only root; the Dockerfile itself was linted, not built"
