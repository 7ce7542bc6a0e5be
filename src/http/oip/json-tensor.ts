import { describeInput, FLOAT32_MAX, type MeasurementContract } from '../../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS } from '../../errors.js';
import { faultPath, invalidInput } from '../decode/refusals.js';

const DATA_PATH = ['inputs', 0, 'data'] as const;

/**
 * The values of a JSON tensor as one buffer, float32 [dies, parameters] row-major: flat, or an array for each
 * die. A value is a number that float32 can hold; where the contract accepts missing values, null is NaN.
 * @throws Refusal `invalid_input`
 */
export function readJsonTensor(data: unknown, dies: number, contract: MeasurementContract): Float32Array {
  const { parameterCount } = contract;
  if (!Array.isArray(data)) throw wrong([], `expected an array, found ${describeInput(data)}`);
  const reader = new ValueReader(dies, contract);
  if (!Array.isArray(data[0])) {
    assertLength(data, dies * parameterCount, 'values', []);
    reader.read(data, 0, []);
  } else {
    assertLength(data, dies, 'dies', []);
    data.forEach((row: unknown, die) => {
      if (!Array.isArray(row)) throw wrong([die], `expected an array, found ${describeInput(row)}`);
      assertLength(row, parameterCount, 'values', [die]);
      reader.read(row, die * parameterCount, [die]);
    });
  }
  return reader.finish();
}

/** Takes values over into a buffer and gathers their faults. */
class ValueReader {
  readonly #params: Float32Array;
  readonly #acceptsMissing: boolean;
  readonly #faults: InputFault[] = [];
  #totalFaults = 0;

  constructor(dies: number, { parameterCount, acceptsMissing }: MeasurementContract) {
    this.#params = new Float32Array(dies * parameterCount);
    this.#acceptsMissing = acceptsMissing;
  }

  read(values: readonly unknown[], from: number, path: readonly number[]): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      const float32 = typeof value === 'number' ? Math.fround(value) : Number.NaN;
      this.#params[from + i] = float32;
      if (!Number.isFinite(float32) && !(value === null && this.#acceptsMissing))
        this.#fault(value, [...path, i]);
    }
  }

  finish(): Float32Array {
    if (this.#totalFaults > 0) throw invalidInput(this.#faults, this.#totalFaults);
    return this.#params;
  }

  #fault(value: unknown, path: readonly number[]): void {
    this.#totalFaults++;
    if (this.#faults.length === MAX_LISTED_FAULTS) return;
    const expected =
      typeof value === 'number'
        ? `a number that float32 can hold (magnitude up to ${FLOAT32_MAX})`
        : `a number${this.#acceptsMissing ? ', or null where no value was measured' : ''}`;
    this.#faults.push({
      path: faultPath([...DATA_PATH, ...path]),
      message: `expected ${expected}, found ${describeInput(value)}`,
    });
  }
}

function assertLength(
  values: readonly unknown[],
  expected: number,
  what: string,
  path: readonly number[],
): void {
  if (values.length !== expected) throw wrong(path, `expected ${expected} ${what}, found ${values.length}`);
}

function wrong(path: readonly number[], message: string) {
  return invalidInput([{ path: faultPath([...DATA_PATH, ...path]), message }]);
}
