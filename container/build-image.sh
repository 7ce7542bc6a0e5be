#!/bin/sh
# Builds the Dockerfile without a container engine and without an image registry: with buildah, on a base
# that debian-base.sh puts together under the name in the Dockerfile. Then prints the size of each layer.
#
#   container/build-image.sh amd64|arm64 FOLDER
#
# FOLDER gets the image as manifest, config and uncompressed layers; try-image.sh runs it from there.
# Needs root, buildah, and what debian-base.sh needs. Any platform is built on any other.
#
# NPMRC and CA_FILE name files of this machine that reach its package registry: npm's configuration and
# certificate authorities. They are secrets of the build and reach no layer.
set -eu

# In a mount namespace of its own, so that no mount of buildah's outlives the build, however that ends.
if [ -z "${IMAGE_WORK:-}" ]; then
  work="$(mktemp -d)"
  trap 'rm -rf --one-file-system "$work"' EXIT
  trap 'exit 1' INT TERM
  IMAGE_WORK="$work" unshare --mount --propagation private "$0" "$@"
  exit
fi

arch="$1"
mkdir -p "$2"
out="$(cd "$2" && pwd)"
work="$IMAGE_WORK"
here="$(cd "$(dirname "$0")" && pwd)"
project="$(dirname "$here")"
npmrc="${NPMRC:-$HOME/.npmrc}"
ca="${CA_FILE:-/etc/ssl/certs/ca-certificates.crt}"
build_arch="$(dpkg --print-architecture)"
base="$(sed -n 's/^ARG NODE_IMAGE=//p' "$project/Dockerfile")"
node_version="$(printf %s "$base" | sed 's/.*:\([0-9.]*\)-.*/\1/')"

# A storage of its own, and a bound: a registry that does not answer ends the build.
buildah() {
  timeout 900 buildah --log-level error --root "$work/storage" --runroot "$work/run" "$@"
}

step() { printf '\n== %s\n' "$1"; }

# Both platforms under one name, as in a registry: the build runs on the one and takes files of the other.
buildah manifest create "$base" >/dev/null
for each in $(printf '%s\n' "$build_arch" "$arch" | sort -u); do
  step "base image for $each: Debian packages and Node $node_version"
  "$here/debian-base.sh" "$each" "$work/base" "$node_version"
  container="$(buildah from --arch "$each" scratch)"
  buildah copy --quiet "$container" "$work/base" / >/dev/null
  buildah config --arch "$each" --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
  buildah manifest add "$base" "$(buildah commit --quiet --rm "$container")" >/dev/null
  rm -rf "$work/base"
done

step "image for $arch"
touch "$work/none"
[ -r "$npmrc" ] || npmrc="$work/none"
[ -r "$ca" ] || ca="$work/none"
revision="$(git -C "$project" rev-parse HEAD 2>/dev/null || echo unknown)"
# HEALTHCHECK is in docker's format only; buildah 1.28 does not set BUILDPLATFORM by itself.
buildah bud --isolation chroot --format docker --layers --pull-never \
  --platform "linux/$arch" --build-arg "BUILDPLATFORM=linux/$build_arch" \
  --secret "id=npmrc,src=$npmrc" --secret "id=ca,src=$ca" \
  --label "org.opencontainers.image.revision=$revision" --tag diegate "$project"

rm -rf "$out/image"
buildah push --quiet --disable-compression --format v2s2 diegate "dir:$out/image"
step "layers"
node "$here/layers.mjs" "$out/image"
