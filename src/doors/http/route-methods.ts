import type { RouteOptions } from 'fastify';

/** A route as it was registered. */
type Route = Pick<RouteOptions, 'method' | 'url' | 'config'>;

/** Which methods the paths of a server have: asked only where a request has found no route. */
export class RouteMethods {
  readonly #routes: {
    readonly pattern: RegExp;
    readonly methods: readonly string[];
    readonly route: Route;
  }[] = [];

  add(route: Route): void {
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    this.#routes.push({ pattern: patternOf(route.url), methods, route });
  }

  /**
   * The methods of a path, sorted; none where there is nothing.
   * @param exists whether a route is there for anybody: one that nobody may use does not show itself
   */
  of(path: string, exists: (route: Route) => boolean): string[] {
    const found = this.#routes.filter(({ pattern, route }) => pattern.test(path) && exists(route));
    return [...new Set(found.flatMap(({ methods }) => methods))].sort();
  }
}

/** Fastify's patterns: `:name` is a part of the path, a `*` at the end the rest of it. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/').replace(/\/$/, '')}/?$`);
}
