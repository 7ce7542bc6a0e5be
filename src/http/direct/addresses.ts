/** Where the dies of a request are to go, as its path says. */
export interface Address {
  /** Pattern of the route, as in the documentation. */
  readonly route: string;
  readonly model: string | undefined;
  readonly version: string | undefined;
}

const DEFAULT_MODEL: Address = { route: '/predict', model: undefined, version: undefined };
// Names that stand for themselves: nothing to decode.
const NAMED = /^\/models\/([A-Za-z0-9._-]{1,128})(?:\/versions\/([A-Za-z0-9._-]{1,128}))?\/predict$/;

/** The address of a path for one die; undefined for every other path, and where it is not plainly written. */
export function addressOf(path: string): Address | undefined {
  if (path === DEFAULT_MODEL.route) return DEFAULT_MODEL;
  const [, model, version] = NAMED.exec(path) ?? [];
  if (model === undefined) return undefined;
  const route = version === undefined ? '/models/:model/predict' : '/models/:model/versions/:version/predict';
  return { route, model, version };
}
