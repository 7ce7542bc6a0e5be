import type { Lane } from '../../../serving/batching/queue.js';

/** Where the dies of a request are to go, as its path says. */
export interface Address {
  /** Pattern of the route, as in the documentation. */
  readonly route: string;
  readonly model: string | undefined;
  readonly version: string | undefined;
  /** One die in the realtime lane, any number in the bulk lane. */
  readonly lane: Lane;
}

const UNNAMED: ReadonlyMap<string, Address> = new Map(
  (['/predict', '/predict/batch'] as const).map((route) => [
    route,
    { route, model: undefined, version: undefined, lane: laneOf(route) },
  ]),
);
// Names that stand for themselves: nothing to decode.
const NAMED =
  /^\/models\/([A-Za-z0-9._-]{1,128})(?:\/versions\/([A-Za-z0-9._-]{1,128}))?(\/predict(?:\/batch)?)$/;

/** The address of a path for dies; undefined for every other path, and where it is not plainly written. */
export function addressOf(path: string): Address | undefined {
  const unnamed = UNNAMED.get(path);
  if (unnamed !== undefined) return unnamed;
  const [, model, version, end] = NAMED.exec(path) ?? [];
  if (model === undefined || end === undefined) return undefined;
  const prefix = version === undefined ? '/models/:model' : '/models/:model/versions/:version';
  return { route: `${prefix}${end}`, model, version, lane: laneOf(end) };
}

function laneOf(end: string): Lane {
  return end.endsWith('/batch') ? 'bulk' : 'realtime';
}
