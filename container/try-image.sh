#!/bin/sh
# Runs an image that build-image.sh has made, without a container engine, and checks what it promises: under
# chroot on a read-only root, as the image's numeric user without any capability, as process 1 of its own
# process namespace, in a network namespace that has only the loopback.
#
#   container/try-image.sh FOLDER
#
# FOLDER is the one given to build-image.sh. Needs root, util-linux (unshare, setpriv), iproute2 and Node; for
# an image of another platform also qemu-user-static and Linux 6.7, which knows binfmt_misc for a namespace.
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
image="$(cd "$1" && pwd)/image"
read_architecture="import { readImage } from '$here/image.mjs'; console.log(readImage('$image').config.architecture)"
arch="$(node --input-type=module --eval "$read_architecture")"

# Another platform's programs are run by qemu. The kernel is told so in a user namespace of our own, so that
# nothing changes for the rest of the machine; its ids are the machine's.
if [ "$arch" != "$(dpkg --print-architecture)" ] && [ -z "${TRY_MAPPED:-}" ]; then
  go="$(mktemp -u)"
  mkfifo "$go"
  trap 'rm -f "$go"' EXIT
  TRY_MAPPED="$go" unshare --user "$0" "$1" &
  inside=$!
  tries=0
  while [ "$(readlink "/proc/$inside/ns/user")" = "$(readlink /proc/self/ns/user)" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "try-image: no user namespace after 10 s" >&2; kill "$inside"; exit 1; }
    sleep 0.1
  done
  echo '0 0 65536' >"/proc/$inside/uid_map"
  echo '0 0 65536' >"/proc/$inside/gid_map"
  echo go >"$go"
  wait "$inside"
  exit
fi

# Namespaces first: every mount and every process ends with them.
if [ -z "${TRY_WORK:-}" ]; then
  [ -z "${TRY_MAPPED:-}" ] || read -r _ <"$TRY_MAPPED"
  work="$(mktemp -d)"
  trap 'rm -rf --one-file-system "$work"' EXIT
  trap 'exit 1' INT TERM
  TRY_WORK="$work" timeout --kill-after=10 600 \
    unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$0" "$1"
  exit
fi
work="$TRY_WORK"

ip link set lo up
if [ -n "${TRY_MAPPED:-}" ]; then
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  # The first bytes of an ELF program for arm64. F: qemu is opened now, so that it need not be in the image.
  printf '%s' ':arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:'"\
"'\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"\
"'/usr/bin/qemu-aarch64-static:F' >/proc/sys/fs/binfmt_misc/register
fi

mkdir "$work/root" "$work/other-root" "$work/models"
node "$here/unpack.mjs" "$image" "$work/root"
# The mount points that an engine makes.
mkdir -p "$work/root/proc" "$work/root/dev" "$work/root/sys"
touch "$work/root/dev/null" "$work/root/dev/urandom"

# The shipped model as its own next version: a repository that can be told from the image's.
cp -R "$work/root/app/models/die-defect/1" "$work/models/2"
sed -i 's/"version": "1"/"version": "2"/' "$work/models/2/manifest.json"
sed 's/"default": "1"/"default": "2"/' "$work/root/app/models/serving.json" >"$work/models/serving.json"
mkdir "$work/models/die-defect" && mv "$work/models/2" "$work/models/die-defect/2"

# As an engine mounts them: a root on which nothing can be written, and on it two devices and the volume.
for root in root other-root; do
  mount --bind "$work/root" "$work/$root"
  mount --bind /dev/null "$work/$root/dev/null"
  mount --bind /dev/urandom "$work/$root/dev/urandom"
  mount -o remount,bind,ro "$work/$root"
done
mount --bind "$work/models" "$work/other-root/app/models"
mount -o remount,bind,ro "$work/other-root/app/models"

node "$here/try-image.mjs" "$image" "$work/root" "$work/other-root"
