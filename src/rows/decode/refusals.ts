import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../../errors.js';

export function batchTooLarge(count: number, maxDies: number): Refusal {
  return new Refusal('batch_too_large', `found ${count} dies, expected at most ${maxDies} in one call`);
}

/**
 * The refusal of an input with these faults, of which the first is its detail.
 * @param totalFaults how many were found in all, if more than are listed
 */
export function invalidInput(faults: readonly InputFault[], totalFaults = faults.length): Refusal {
  const [{ path, message }] = faults;
  const more = totalFaults > 1 ? ` (and ${totalFaults - 1} more)` : '';
  return new Refusal('invalid_input', `${path === '' ? '' : `${path}: `}${message}${more}`, {
    faults: faults.slice(0, MAX_LISTED_FAULTS),
    totalFaults,
  });
}

/** Keys joined by points, indexes in brackets: `test_params[17]`, in a batch `[3].test_params[17]`. */
export function faultPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}
