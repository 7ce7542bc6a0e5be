#!/bin/sh
# A stand-in for the Dockerfile's base image where no image registry can be reached: a root file system of
# Debian packages with Node and npm in the places where the official image has them. The packages are
# unpacked and not configured, so that one machine can make it for another platform too.
#
#   container/debian-base.sh amd64|arm64 FOLDER NODE_VERSION
#
# Needs root, apt with Debian bookworm among its sources, dpkg-deb, npm.
set -eu

arch="$1" root="$2" node_version="$3"
case "$arch" in
  amd64) node_arch=x64 ;;
  arm64) node_arch=arm64 ;;
  *) echo "debian-base: expected amd64 or arm64, found $arch" >&2; exit 1 ;;
esac
# What the Dockerfile's build stage runs, and what Node and ONNX Runtime load.
packages="base-files base-passwd coreutils dash dpkg findutils grep sed tar libatomic1 libstdc++6"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/cache" "$work/npm"
: >"$work/status"

# apt with a state of its own: this machine's packages, architectures and lists stay as they are.
apt() {
  apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Install-Recommends=false \
    -o APT::Sandbox::User=root -o Dir::State="$work" -o Dir::State::Lists="$work/lists" \
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Dir::Cache::Archives="$work/archives" "$@"
}
apt update
# shellcheck disable=SC2086 # one word for each package
apt --yes --download-only -t bookworm install $packages

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/info"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
for package in "$work"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -p -C "$root"
  # The record by which a scanner knows what is inside.
  { dpkg-deb --field "$package"; printf 'Status: install ok unpacked\n\n'; } >>"$root/var/lib/dpkg/status"
done
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
mkdir -p "$root/root" "$root/tmp"

unpack() { # NAME@VERSION FOLDER
  mkdir -p "$2"
  (cd "$work/npm" && tar -xzf "$(npm pack --silent "$1")" --strip-components=1 --no-same-owner -C "$2")
}
unpack "node-linux-$node_arch@$node_version" "$work/node"
install -D "$work/node/bin/node" "$root/usr/local/bin/node"
cp "$work/node/LICENSE" "$root/usr/local/LICENSE"
unpack "npm@$(npm --version)" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
