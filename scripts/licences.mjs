// Lists the licence of every package that an installation without development dependencies holds, from the
// lock file: `npm run licences`. Exit code 1 if one is not in the list of those that are accepted.
import { readFileSync } from 'node:fs';

/** SPDX expressions; all permissive. A new one is for a person to read before it is added. */
const ACCEPTED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT'];

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const packages = Object.entries(lock.packages)
  .filter(([path, { dev }]) => path !== '' && !dev)
  .map(([path, { version, license = 'none stated' }]) => ({
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version,
    licence: license,
  }))
  .sort((a, b) => a.name.localeCompare(b.name, 'en'));

const isAccepted = (expression) =>
  expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((id) => ACCEPTED.includes(id)));

for (const { name, version, licence } of packages) process.stdout.write(`${licence}\t${name}@${version}\n`);
const refused = packages.filter(({ licence }) => !isAccepted(licence));
for (const { name, version, licence } of refused) {
  process.stderr.write(`${name}@${version}: expected one of ${ACCEPTED.join(', ')}, found ${licence}\n`);
}
process.exitCode = refused.length > 0 ? 1 : 0;
