import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import { type LoadPolicy, type Serving, versionsToLoad } from '../models/repository/serving.js';
import { isUnderWay } from '../traffic/canary-plan.js';
import { takersOf } from '../traffic/split.js';

const DEFAULT_POLICY: LoadPolicy = 'all';

/**
 * Keys of the versions that have to be loaded for what serving.json says: those of each model's policy,
 * those that take or see traffic, and what these fall back on. A lazy model needs none in advance.
 */
export function neededVersions(catalogue: Catalogue, serving: Serving = catalogue.serving): string[] {
  const needed = new Set<string>();
  const need = (name: string, number: string) => {
    const entry = catalogue.entry(`${name}/${number}`);
    if (entry === undefined || needed.has(entry.key)) return;
    needed.add(entry.key);
    const fallback = entry.version?.fallback;
    if (fallback?.by === 'version') need(fallback.model, fallback.version);
  };
  for (const { name, versions } of catalogue.models()) {
    const entry = serving.models[name];
    if (entry?.lazy) continue;
    const numbers = versions.map(({ number }) => number);
    const policy = entry?.load ?? serving.load ?? DEFAULT_POLICY;
    for (const number of [...versionsToLoad(policy, numbers), ...trafficOf(serving, name)])
      need(name, number);
  }
  return [...needed];
}

/** What dies are sent to a version for, in words; undefined where none are. */
export function userOf(catalogue: Catalogue, name: string, number: string): string | undefined {
  if (catalogue.model(name).defaultVersion === number) return 'the default version';
  if (trafficOf(catalogue.serving, name).includes(number)) return 'in the split, the canary or the shadows';
  const dependent = dependentOn(catalogue, name, number);
  return dependent && `the fallback of ${dependent.key}`;
}

/** A version that may have to fall back on this one; undefined for none. */
export function dependentOn(catalogue: Catalogue, name: string, number: string): CatalogueEntry | undefined {
  return catalogue.entries().find((entry) => {
    const { fallback } = entry.version ?? {};
    if (fallback?.by !== 'version' || fallback.model !== name || fallback.version !== number) return false;
    return entry.state === 'ready' || catalogue.model(entry.name).defaultVersion === entry.number;
  });
}

/** Versions of a model that serving.json sends dies to, shadows among them. */
export function trafficOf(serving: Serving, name: string): string[] {
  const { default: named, split, shadow = [], canary } = serving.models[name] ?? {};
  const running = isUnderWay(canary) ? canary.plan : undefined;
  return [
    ...(named === undefined ? [] : [named]),
    ...(split === undefined ? [] : takersOf(split)),
    ...(running === undefined ? [] : [running.from, running.to]),
    ...shadow,
  ];
}
