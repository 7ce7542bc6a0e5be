#!/usr/bin/env bash
# onnxruntime-node 1.30.0 takes tensors of float16 on Node 20, and fails on every run with one on Node 24 and 26, whether their
# data is a Uint16Array of bits or, where Node has it, a Float16Array: of the latter, which its JavaScript side makes of
# both, its native side sees no bytes. Seen with a graph y = x * x on Linux x64:
#
#   node 20.19.0: Uint16Array: ran, Uint16Array
#   node 24.22.3: Uint16Array: failed, not enough space: expected 6, got 0
#   node 24.22.3: Float16Array: failed, not enough space: expected 6, got 0
#   node 26.10.0: Uint16Array: failed, not enough space: expected 6, got 0
#   node 26.10.0: Float16Array: failed, not enough space: expected 6, got 0
#
# Exits non-zero when it behaves otherwise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
platform="node-linux-$(node -p process.arch)"
npm install --silent --no-save --ignore-scripts --prefix "$work" onnxruntime-node@1.30.0
cat >run.mjs <<'JS'
import { InferenceSession, Tensor } from 'onnxruntime-node';

// y = x * x, float16 [N, 3], opset 17.
const model = 'CAgSADo/Cg4KAXgKAXgSAXkiA011bBIBZ1oUCgF4Eg8KDQgKEgkKAxIBTgoCCANiFAoBeRIPCg0IChIJCgMSAU4KAggDQgQKABAR';
const session = await InferenceSession.create(Buffer.from(model, 'base64'), { logSeverityLevel: 3 });
const ones = { Uint16Array: () => new Uint16Array(3).fill(0x3c00) };
if ('Float16Array' in globalThis) ones.Float16Array = () => new Float16Array(3).fill(1);
for (const [name, data] of Object.entries(ones)) {
  let said;
  try {
    const { y } = await session.run({ x: new Tensor('float16', data(), [1, 3]) });
    said = `ran, ${y.data.constructor.name}`;
  } catch (error) {
    said = `failed, ${error.message.split('\n')[0]}`;
  }
  console.log(`node ${process.versions.node}: ${name}: ${said}`);
}
JS
for version in 20.19.0 24.22.3 26.10.0; do
  npm install --silent --no-save --ignore-scripts --prefix "$work/node-$version" "$platform@$version"
  "$work/node-$version/node_modules/$platform/bin/node" run.mjs
done | tee said
grep -q '^node 20.19.0: Uint16Array: ran' said
for version in 24.22.3 26.10.0; do
  for data in Uint16Array Float16Array; do grep -q "^node $version: $data: failed, not enough space: expected 6, got 0" said; done
done
