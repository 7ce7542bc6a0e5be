import { readFileSync } from 'node:fs';

/** What kernel/values.ts exports, as WebAssembly hands it to JavaScript. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly TEXT: { readonly value: number };
  readonly TEXT_BYTES: { readonly value: number };
  readonly ROW: { readonly value: number };
  scan(length: number, acceptsMissing: boolean): number;
}

/** And what it imports, from kernel/number.ts. */
interface Imports {
  readonly number: { readNumber(from: number, to: number): number };
}

// Neither Node's types nor the ECMAScript library declare WebAssembly: this is what is used of it.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: Imports) => { readonly exports: Exports };
};

/** The scanner of values, and the two windows of its memory that are ours. */
interface ValueKernel {
  /** Where text is put, as much as there is room for. */
  readonly text: Uint8Array;
  /** The values found in it, of which there are never more. */
  readonly values: Float32Array;
  /**
   * Reads the first `length` bytes of the text: JSON numbers with commas between them, each as
   * `Math.fround(JSON.parse(text))` gives it.
   * @param acceptsMissing whether null is a value, NaN
   * @returns how many values there are, at least 1; 0 if one of them is not plainly a value that float32 holds
   */
  scan(length: number, acceptsMissing: boolean): number;
}

/**
 * Compiles dist/values.wasm, 3 KB, in about two milliseconds. package.json says where it is, so that src/ (under
 * vitest), dist/ and the benchmarks find the same one.
 */
export function loadValueKernel(): ValueKernel {
  const file = new URL(import.meta.resolve('#values.wasm'));
  const module = new WebAssembly.Module(readFileSync(file));
  // A number's text the slow way: whatever JSON calls a number, Number() reads as JSON.parse does.
  const readNumber = (from: number, to: number) =>
    Number(Buffer.from(memory.buffer, from, to - from).toString('latin1'));
  const instance = new WebAssembly.Instance(module, { number: { readNumber } });
  const { memory, TEXT, TEXT_BYTES, ROW, scan } = instance.exports;
  return {
    text: new Uint8Array(memory.buffer, TEXT.value, TEXT_BYTES.value),
    values: new Float32Array(memory.buffer, ROW.value, TEXT_BYTES.value / 2),
    scan,
  };
}
