import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulateFiles } from './simulate-files.js';
import type { SimulationOptions } from './simulator/lot.js';
import { trainFiles } from './train-files.js';
import type { TrainedVersion } from './train-version.js';
import type { ScoreDies } from './version/check-graph.js';

/**
 * The lots that models/die-defect/1 is trained on: many wafers with few dies each, since what must
 * be learnt is how wafers and lots differ.
 */
const SHIPPED_SIMULATION: SimulationOptions = {
  seed: 2026,
  lots: 40,
  wafersPerLot: 3,
  diesAcross: 9,
  defectRate: 1,
};

const SHIPPED_CREATED = '2026-11-22T00:00:00.000Z';

interface ShippedModelOptions {
  readonly out: string;
  readonly force: boolean;
  readonly codeVersion: string;
  readonly scoreDies: ScoreDies;
}

/** Simulates and trains the model that ships: always the same files, bit for bit, for one code version. */
export async function buildShippedModel(options: ShippedModelOptions): Promise<TrainedVersion> {
  const { seed, lots, wafersPerLot, diesAcross } = SHIPPED_SIMULATION;
  const folder = await mkdtemp(join(tmpdir(), 'diegate-model-'));
  try {
    const output = join(folder, 'die-defect.csv');
    const parameterTable = join(folder, 'parameters.csv');
    await simulateFiles({ ...SHIPPED_SIMULATION, output, parameterTable });
    return await trainFiles({
      ...options,
      csv: [output],
      parameterTable,
      created: SHIPPED_CREATED,
      dataDescription: `simulated dies, not real ones (diegate simulate --seed ${seed} --lots ${lots} --wafers ${wafersPerLot} --across ${diesAcross})`,
      rebuild: ['diegate shipped-model --force'],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
