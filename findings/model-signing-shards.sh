#!/usr/bin/env bash
# model-signing 1.1.1, the reference implementation of OpenSSF Model Signing, names the algorithm of a shard's digest
# "sha256-sharded-100000", where version 1.0 of the specification knows sha256, blake2b and blake3 only (section 5.2.1,
# algorithm registry, predicate.schema.json): a verifier that goes by the schema refuses signatures by shards. It also
# imports OpenSSL without asking for the package pyOpenSSL. Seen on Python 3.11:
#
#   without pyOpenSSL: ModuleNotFoundError: No module named 'OpenSSL'
#   files: sha256
#   shards: sha256-sharded-100000
#
# Exits non-zero when it behaves otherwise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check model-signing==1.1.1 sigstore==4.5.1 cryptography==50.0.2
without="$("$work/venv/bin/python" -c 'import model_signing' 2>&1 | tail -1 || true)"
echo "without pyOpenSSL: $without"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyOpenSSL==26.4.0
mkdir "$work/model"
head -c 150000 /dev/zero >"$work/model/weights.bin"
openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -nocrypt -out "$work/key.pem"
cat >"$work/sign.py" <<'PY'
import base64
import json
import sys

import model_signing

model, key = sys.argv[1:]
for kind in ("files", "shards"):
    config = model_signing.hashing.Config()
    if kind == "files":
        config.use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
    else:
        config.use_shard_serialization(hashing_algorithm="sha256", shard_size=100_000, allow_symlinks=False)
    signature = f"{model}.{kind}.sig"
    model_signing.signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(config).sign(model, signature)
    payload = json.loads(base64.b64decode(json.load(open(signature))["dsseEnvelope"]["payload"]))
    print(f"{kind}:", payload["predicate"]["resources"][0]["algorithm"])
PY
seen="$("$work/venv/bin/python" "$work/sign.py" "$work/model" "$work/key.pem")"
echo "$seen"
[ "$without" = "ModuleNotFoundError: No module named 'OpenSSL'" ]
[ "$seen" = $'files: sha256\nshards: sha256-sharded-100000' ]
