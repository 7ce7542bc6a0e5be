#!/usr/bin/env bash
# Signatures against the reference implementation of OpenSSF Model Signing (model-signing of PyPI): it signs
# and diegate verifies, diegate signs and it verifies, by keys on each curve and by a chain of certificates;
# and what was tampered with is refused by both. Needs python3, openssl, PyPI and a build (npm run build).
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
command -v openssl >/dev/null || { echo "skipped: it needs openssl"; exit 0; }
# model-signing 1.1.1 imports OpenSSL without asking for pyOpenSSL.
install_packages "model-signing 1.1.1" model-signing==1.1.1 pyOpenSSL==26.4.0
python="$work/venv/bin/model_signing"
diegate() { node dist/main.js "$@"; }
refused() { # refused TEXT COMMAND...: it fails and says TEXT
  local text="$1" said
  shift
  if said="$("$@" 2>&1)"; then echo "FAILED: expected a refusal of: $*"; exit 1; fi
  grep -qF -- "$text" <<<"$said" || { echo "FAILED: expected \"$text\" of: $*"; echo "$said"; exit 1; }
}

umask 077
model="$work/models/die-defect/1"
mkdir -p "$work/models/die-defect"
cp -r models/die-defect/1 "$model"
mkdir "$model/notes"
printf 'ünïcode: %s\n' 'a file in a folder' >"$model/notes/größe ':1:2'.txt"

openssl_key() { openssl ecparam -genkey -name "$1" -noout | openssl pkcs8 -topk8 -nocrypt -out "$2"; }

for curve in prime256v1 secp384r1 secp521r1; do
  openssl_key "$curve" "$work/$curve.pem"
  openssl pkey -in "$work/$curve.pem" -pubout -out "$work/$curve.pub"
  diegate sign "$model" --key "$work/$curve.pem" >/dev/null
  "$python" verify key --signature "$model/model.sig" --public_key "$work/$curve.pub" "$model" >/dev/null
  rm "$model/model.sig"
  "$python" sign key --signature "$model/model.sig" --private_key "$work/$curve.pem" "$model" >/dev/null
  diegate verify "$model" --key "$work/$curve.pub" >/dev/null
  rm "$model/model.sig"
  echo "key on $curve: both ways"
done
key="$work/prime256v1"

# A root, an intermediate authority and a signer, as an organisation has them.
extension() { printf '%s\n' "$@" >"$work/extension"; }
issue() { # issue NAME SIGNED-BY DAYS [EXTENSION...]
  local name="$1" by="$2" days="$3"
  shift 3
  extension "$@"
  openssl_key secp384r1 "$work/$name.pem"
  openssl req -new -key "$work/$name.pem" -subj "/O=Fab/CN=$name" -out "$work/$name.csr"
  if [ "$by" = - ]; then set -- -signkey "$work/$name.pem"; else set -- -CA "$work/$by.crt" -CAkey "$work/$by.pem" -CAcreateserial; fi
  openssl x509 -req -in "$work/$name.csr" "$@" -days "$days" -extfile "$work/extension" -out "$work/$name.crt" 2>/dev/null
}
issue root - 30 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign'
issue other-root - 30 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign'
issue middle root 20 'basicConstraints=critical,CA:TRUE,pathlen:0' 'keyUsage=critical,keyCertSign'
issue signer middle 10 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=codeSigning'
issue no-signer middle 10 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,keyEncipherment'

diegate sign "$model" --key "$work/signer.pem" --certificate "$work/signer.crt" "$work/middle.crt" >/dev/null
"$python" verify certificate --signature "$model/model.sig" --certificate_chain "$work/root.crt" "$model" >/dev/null
rm "$model/model.sig"
"$python" sign certificate --signature "$model/model.sig" --private_key "$work/signer.pem" \
  --signing_certificate "$work/signer.crt" --certificate_chain "$work/middle.crt" "$model" >/dev/null
diegate verify "$model" --authority "$work/root.crt" >/dev/null
refused 'which is none of the trusted authorities' diegate verify "$model" --authority "$work/other-root.crt"
rm "$model/model.sig"
"$python" sign certificate --signature "$model/model.sig" --private_key "$work/no-signer.pem" \
  --signing_certificate "$work/no-signer.crt" --certificate_chain "$work/middle.crt" "$model" >/dev/null
refused 'is not for signing' diegate verify "$model" --authority "$work/root.crt"
rm "$model/model.sig"
echo "chain of certificates: both ways"

# Other hashes, pieces of files and left out paths, as the reference implementation writes them.
cat >"$work/sign.py" <<'PY'
import sys
import model_signing
model, key, kind = sys.argv[1:]
config = model_signing.hashing.Config()
if kind == "shards":
    config.use_shard_serialization(hashing_algorithm="sha256", shard_size=100_000, allow_symlinks=False)
else:
    config.use_file_serialization(hashing_algorithm=kind, allow_symlinks=False)
config.set_ignored_paths(paths=[f"{model}/model.sig", f"{model}/notes"])
model_signing.signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(config).sign(model, f"{model}/model.sig")
PY
for kind in shards blake2; do
  "$work/venv/bin/python" "$work/sign.py" "$model" "$key.pem" "$kind"
  diegate verify "$model" --key "$key.pub" >/dev/null
  rm "$model/model.sig"
done
echo "shards, blake2b, left out paths: read"

# What was tampered with is refused by both, and diegate says what.
tampered() { # tampered TEXT COMMAND...: after COMMAND both refuse
  local text="$1"
  shift
  rm -rf "$work/t"
  cp -r "$model" "$work/t"
  (cd "$work/t" && "$@")
  if "$python" verify key --signature "$work/t/model.sig" --public_key "$key.pub" "$work/t" >/dev/null 2>&1; then
    echo "FAILED: model-signing takes what diegate refuses: $*"
    exit 1
  fi
  refused "$text" diegate verify "$work/t" --key "$key.pub"
}
diegate sign "$model" --key "$key.pem" >/dev/null
tampered '"model.onnx" is not the file that was signed' bash -c 'printf x >>model.onnx'
tampered '"reference.json" was signed and is missing' rm reference.json
tampered '"extra.bin" is there and was not signed' touch extra.bin
tampered '"manifest.json" is not the file that was signed' bash -c 'mv manifest.json a; mv reference.json manifest.json; mv a reference.json'
refused 'which is none of those that are trusted' diegate verify "$model" --key "$work/secp384r1.pub"
echo "changed, missing, additional and swapped files, another key: refused"
