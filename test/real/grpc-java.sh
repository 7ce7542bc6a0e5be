#!/usr/bin/env bash
# A Java client (grpc-java, messages made from diegate's own proto file) against a running server. Needs a JDK of 17 or newer,
# Maven, and Maven Central; about a minute, most of it to install.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  { command -v mvn && command -v javac; } >/dev/null || { echo "skipped: it needs a JDK and Maven"; exit 0; }
  exec test/real/with-server.sh test/real/grpc-java.sh --with-server
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -r test/real/grpc-java "$work/client"
mkdir "$work/proto"
cp src/doors/grpc/messages/inference.proto "$work/proto/"
mvn --batch-mode --quiet -f "$work/client/pom.xml" "-Dproto.folder=$work/proto" compile exec:java \
  "-Dexec.args=$DIEGATE_HOST die-defect $DIEGATE_KEY"
