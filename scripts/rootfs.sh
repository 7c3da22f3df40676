#!/usr/bin/env bash
# The root directory of the image, from a binary: the binary, the libraries it is linked with, certificates that are trusted, a name for its user.
# No shell and nothing else that runs. The Dockerfile and the test of the image call the same.
# Usage: scripts/rootfs.sh BINARY FOLDER
set -euo pipefail
binary=$1 root=$2

install -D -m 0555 "$binary" "$root/usr/bin/litebox-partner"
# Also the loader, which ldd names by its path alone.
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 0555 "$(readlink -f "$library")" "$root$library"
done
install -D -m 0444 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'litebox:x:65532:65532::/:/nonexistent' >"$root/etc/passwd"
echo 'litebox:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
# Where volumes go: the root itself is read only.
mkdir -p "$root"/{data,dev,proc,sys,tmp}
