import type { WarmUpReport } from './messages.js';
import type { Session } from './session.js';

// Up to here every batch size is run once, since ONNX Runtime plans its memory for each shape; above
// it every power of two.
const EVERY_SIZE_UP_TO = 64;

/** The batch sizes that a warm-up runs, ascending: 1, 2, ... and always `maxBatchSize`. */
export function warmUpSizes(maxBatchSize: number): number[] {
  const sizes: number[] = [];
  for (let dies = 1; dies < maxBatchSize; dies = dies < EVERY_SIZE_UP_TO ? dies + 1 : dies * 2)
    sizes.push(dies);
  return [...sizes, maxBatchSize];
}

/**
 * Runs every batch size that will be met, so that no die pays for a first time, and checks on this
 * machine what diegate promises: finite scores, and for a row the same bits in any batch.
 */
export async function warmUp(session: Session): Promise<WarmUpReport> {
  const { maxBatchSize, probe } = session.spec;
  const rows = probeRows(probe, maxBatchSize);
  const alone = await scoreEachAlone(session, rows, maxBatchSize);
  const costs: [number, number][] = [];
  let sameInAnyBatch = true;
  for (const dies of warmUpSizes(maxBatchSize)) {
    const { scores, runMs } = await session.run(dies, rows.subarray(0, dies * probe.length), false);
    costs.push([dies, runMs]);
    sameInAnyBatch &&= scores.every((score, i) => Object.is(score, alone[i]));
  }
  if (session.spec.contributionsName !== undefined) await session.run(1, probe, true);
  const row = alone.length / maxBatchSize;
  return { finite: alone.subarray(0, row).every(Number.isFinite), sameInAnyBatch, costs };
}

async function scoreEachAlone(session: Session, rows: Float32Array, dies: number): Promise<Float32Array> {
  const { parameterCount: width, outputs } = session.spec;
  const row = outputs.reduce((sum, { size }) => sum + size, 0);
  const scores = new Float32Array(dies * row);
  for (let i = 0; i < dies; i++) {
    const one = await session.run(1, rows.subarray(i * width, (i + 1) * width), false);
    scores.set(one.scores, i * row);
  }
  return scores;
}

/** Row 0 is the probe itself; the others differ from it a little, each in its own way. */
function probeRows(probe: Float32Array, dies: number): Float32Array {
  const rows = new Float32Array(dies * probe.length);
  for (let row = 0; row < dies; row++) {
    for (let i = 0; i < probe.length; i++) {
      const wobble = (((row * 31 + i * 17) % 101) / 101 - 0.5) * 0.1 * (row === 0 ? 0 : 1);
      const value = probe[i] ?? 0;
      rows[row * probe.length + i] = value + wobble * (Math.abs(value) + 1e-3);
    }
  }
  return rows;
}
