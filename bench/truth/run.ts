import { cardTruth } from './card.js';
import { confidenceTruth } from './confidence.js';
import { driftTruth } from './drift.js';
import { gateTruth } from './gate.js';
import { trafficTruth } from './traffic.js';

const PARTS: Readonly<Record<string, (runs: number) => string>> = {
  drift: driftTruth,
  traffic: trafficTruth,
  gate: gateTruth,
  confidence: confidenceTruth,
  card: cardTruth,
};

const [asked, runs = '300'] = process.argv.slice(2);
const names = asked === undefined ? Object.keys(PARTS) : [asked];
for (const name of names) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`expected one of ${Object.keys(PARTS).join(', ')}, found ${name}`);
  process.stdout.write(`${part(Number(runs))}\n\n`);
}
