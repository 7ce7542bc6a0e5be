import { request as requestPlainly } from 'node:http';
import { type RequestOptions, request as requestSecurely } from 'node:https';
import { type Config, type Environment, readConfig } from '../config.js';
import { Fault } from '../errors.js';

/** Longest that the whole question may take; below the time-out of the Dockerfile's HEALTHCHECK (3 s). */
export const HEALTH_TIMEOUT_MS = 2_000;

/** Any of these as HOST means every address of the machine; itself is then asked over the loopback. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

type HealthSettings = Pick<Config, 'HOST' | 'PORT' | 'PROBE_PORT' | 'TLS_CERT_FILE' | 'TLS_CLIENT_CA_FILE'>;

/**
 * Where a server with these settings answers /health, for a caller on the same machine: on PROBE_PORT if
 * there is one, else on PORT, over TLS where that is served.
 * @throws Fault `unhealthy` for port 0, as the free port that the server took is not known to others, and
 * where every client must present a certificate
 */
export function healthAddress(settings: HealthSettings): RequestOptions {
  const { HOST, PORT, PROBE_PORT, TLS_CERT_FILE, TLS_CLIENT_CA_FILE } = settings;
  const setting = PROBE_PORT === undefined ? 'PORT' : 'PROBE_PORT';
  const port = PROBE_PORT ?? PORT;
  if (port === 0)
    throw new Fault('unhealthy', [`${setting}: expected the port that the server listens on, found 0`]);
  if (setting === 'PORT' && TLS_CLIENT_CA_FILE !== undefined)
    throw new Fault('unhealthy', [
      'TLS_CLIENT_CA_FILE asks every client for a certificate: set PROBE_PORT for probes',
    ]);
  const isSecure = setting === 'PORT' && TLS_CERT_FILE !== undefined;
  return {
    host: LOOPBACK_OF[HOST] ?? HOST,
    port,
    path: '/health',
    protocol: isSecure ? 'https:' : 'http:',
    // The machine asks itself: the certificate names the service, not the loopback.
    ...(isSecure && { rejectUnauthorized: false }),
  };
}

/**
 * Asks the server that has the same settings whether it lives; for a container, which has no curl.
 * @throws Fault `invalid_config`; Fault `unhealthy` when it does not answer 200 within `timeoutMs`
 */
export async function checkHealth(environment: Environment, timeoutMs = HEALTH_TIMEOUT_MS): Promise<void> {
  const address = healthAddress(readConfig(environment));
  const asked = `GET /health on ${address.host} port ${address.port}`;
  const status = await statusOf(address, timeoutMs).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('unhealthy', [`${asked}: expected 200, found no answer: ${reason}`], error);
  });
  if (status !== 200) throw new Fault('unhealthy', [`${asked}: expected 200, found ${status}`]);
}

function statusOf(address: RequestOptions, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => asking.destroy(new Error(`nothing came within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const request = address.protocol === 'https:' ? requestSecurely : requestPlainly;
    const asking = request({ ...address, agent: false }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    asking.on('error', reject);
    asking.on('close', () => clearTimeout(timer));
    asking.end();
  });
}
