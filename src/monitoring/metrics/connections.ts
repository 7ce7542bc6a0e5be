import type { Server } from 'node:net';
import { promisify } from 'node:util';
import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * Metrics of a server's connections.
 * @returns to be called for each connection that is refused
 */
export function createConnectionMetrics(
  registry: Registry,
  server: Pick<Server, 'getConnections'>,
): () => void {
  const registers = [registry];
  const countOpen = promisify<number>((done) => server.getConnections(done));
  new Gauge({
    name: 'open_connections',
    help: 'Connections that are open, of MAX_CONNECTIONS',
    registers,
    async collect() {
      this.set(await countOpen());
    },
  });
  const refused = new Counter({
    name: 'connections_refused_total',
    help: 'Connections closed at once because MAX_CONNECTIONS were open',
    registers,
  });
  return () => refused.inc();
}
