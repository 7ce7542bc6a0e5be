import { driftTruth } from './drift.js';
import { trafficTruth } from './traffic.js';

const PARTS: Readonly<Record<string, (runs: number) => string>> = {
  drift: driftTruth,
  traffic: trafficTruth,
};

const [asked, runs = '300'] = process.argv.slice(2);
const names = asked === undefined ? Object.keys(PARTS) : [asked];
for (const name of names) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`expected one of ${Object.keys(PARTS).join(', ')}, found ${name}`);
  process.stdout.write(`${part(Number(runs))}\n\n`);
}
