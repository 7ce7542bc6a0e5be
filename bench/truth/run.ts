import { cardTruth } from './card.js';
import { confidenceTruth } from './confidence.js';
import { driftTruth } from './drift.js';
import { lotTruth } from './drift-lot.js';
import { gateTruth } from './gate.js';
import { trafficTruth } from './traffic.js';

const PARTS: Readonly<Record<string, (runs: number, file: string | undefined) => string | Promise<string>>> =
  {
    drift: driftTruth,
    lot: lotTruth,
    traffic: trafficTruth,
    gate: gateTruth,
    confidence: confidenceTruth,
    card: cardTruth,
  };

// A part, its runs, and for `lot` the lot file: without one it is left out.
const [asked, runs = '300', file] = process.argv.slice(2);
const names = asked === undefined ? Object.keys(PARTS) : [asked];
for (const name of names) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`expected one of ${Object.keys(PARTS).join(', ')}, found ${name}`);
  process.stdout.write(`${await part(Number(runs), file)}\n\n`);
}
