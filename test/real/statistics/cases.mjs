// Cases of every part, or of those that are named, as JSON: { part: [{ what, input, ours, tolerance }] }. `ours` is a
// number or a list; `tolerance` is relative where the reference is not 0, and absolute there.
import { readdirSync } from 'node:fs';

const parts = new URL('./parts/', import.meta.url);
const known = readdirSync(parts)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length))
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((part) => !known.includes(part));
if (unknown.length > 0) throw new Error(`expected parts of ${known.join(', ')}, found ${unknown.join(', ')}`);
const cases = {};
for (const part of asked.length > 0 ? asked : known) {
  const { default: casesOf } = await import(new URL(`${part}.mjs`, parts).href);
  cases[part] = casesOf();
}
process.stdout.write(JSON.stringify(cases));
