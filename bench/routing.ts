// What routing adds to each die: the choice of its version, and the accounts that experiments are kept in.
//
//   npm run bench:build && node dist/.bench/bench/routing.js
//
// Answers are checked first. Each figure is the median of interleaved rounds over dies as they arrive:
// labels of 64 wafers, every string made anew, so that nothing hashes a string that it has seen before.

import { cpus } from 'node:os';
import type { DieLabel } from '../src/die/die.js';
import { createAssign, stickyKeyOf } from '../src/traffic/assignment.js';
import { type Judgement, PairAccount } from '../src/traffic/pair-account.js';
import { VersionAccount } from '../src/traffic/version-account.js';
import { median } from './statistics.js';

const DIES = 5000;
const WAFERS = 64;
const ROUNDS = 61;

interface Question {
  readonly name: string;
  /** Does its work for every die; throws if the work done is wrong. */
  readonly run: (labels: readonly DieLabel[]) => void;
}

/** Labels as a request's bytes give them: strings that share nothing with those of the round before. */
function madeLabels(round: number): DieLabel[] {
  return Array.from({ length: DIES }, (_, i) => {
    const text = JSON.stringify({
      die_id: `LOT${round}_W${i % WAFERS}_D${i}`,
      wafer_id: `LOT${round}_W${i % WAFERS}`,
      equipment_id: `tester-${i % 12}`,
    });
    const label: DieLabel = JSON.parse(text);
    return label;
  });
}

function assigning(weights: Readonly<Record<string, number>>): Question {
  const assign = createAssign('die-defect', { by: 'wafer_id', weights });
  const count = Object.keys(weights).length;
  return {
    name: `assign one of ${count} version${count === 1 ? '' : 's'}`,
    run: (labels) => {
      let known = 0;
      for (const label of labels) if (assign(label) in weights) known++;
      if (known !== labels.length) throw new Error(`expected ${labels.length} assigned dies, found ${known}`);
    },
  };
}

function accounting(): Question {
  const account = new VersionAccount('1');
  return {
    name: 'record a die of a version',
    run: (labels) => {
      const before = account.dies;
      for (let i = 0; i < labels.length; i++) {
        const label = labels[i];
        account.recordDie(
          i * 1e-4,
          i % 20 === 0 ? 'fail' : 'pass',
          1 + (i % 7),
          stickyKeyOf(label, 'wafer_id'),
          i,
        );
      }
      if (account.dies - before !== labels.length) throw new Error('expected every die to be recorded');
    },
  };
}

function comparing(): Question {
  const pair = new PairAccount('1', '2');
  const primary: Judgement = { score: 0.5, decision: 'pass', latencyMs: 2 };
  const shadows = Array.from({ length: 64 }, (_, i): Judgement => {
    return { score: 0.4 + i / 300, decision: i === 0 ? 'fail' : 'pass', latencyMs: 1 + i / 10 };
  });
  return {
    name: 'record a die of a shadow pair',
    run: (labels) => {
      const before = pair.compared;
      for (let i = 0; i < labels.length; i++)
        pair.recordDie(primary, shadows[i % 64], stickyKeyOf(labels[i], 'wafer_id'));
      if (pair.compared - before !== labels.length) throw new Error('expected every die to be compared');
    },
  };
}

const questions = [
  assigning({ 1: 100 }),
  assigning({ 1: 90, 2: 10 }),
  assigning({ 1: 80, 2: 10, 3: 10 }),
  assigning({ 1: 70, 2: 10, 3: 10, 4: 10 }),
  assigning({ 1: 30, 2: 10, 3: 10, 4: 10, 5: 10, 6: 10, 7: 10, 8: 10 }),
  accounting(),
  comparing(),
];
const figures = questions.map((question) => ({ question, micros: [] as number[] }));
for (let round = 0; round < ROUNDS; round++) {
  for (const { question, micros } of figures) {
    const labels = madeLabels(round);
    const startMs = performance.now();
    question.run(labels);
    micros.push(((performance.now() - startMs) * 1000) / DIES);
  }
}
process.stdout.write(
  `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${DIES} dies a round\n\n`,
);
process.stdout.write(`${'µs per die, median'.padEnd(44)}\n`);
for (const { question, micros } of figures) {
  process.stdout.write(`${question.name.padEnd(44)}${median(micros).toFixed(3).padStart(12)}\n`);
}
