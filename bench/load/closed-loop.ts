import autocannon from 'autocannon';

/** What is sent again and again. */
export interface Load {
  /** POST if not given. */
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Dies in one request. */
  readonly dies: number;
}

export interface ClosedLoopResult {
  readonly requestsPerSecond: number;
  readonly diesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Keeps `connections` requests in flight for `seconds`.
 * @throws Error when any answer was not a 200, so that nobody measures refusals
 */
export async function closedLoop(
  port: number,
  load: Load,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<ClosedLoopResult> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}${load.path}`,
    method: load.method ?? 'POST',
    headers: { ...load.headers },
    body: load.body,
    connections,
    duration: seconds,
  });
  if (result.non2xx > 0 || result.errors > 0 || result['2xx'] === 0) {
    throw new Error(
      `${result.non2xx} answers were not 200, ${result.errors} errors, ${result['2xx']} answers`,
    );
  }
  const requestsPerSecond = result['2xx'] / result.duration;
  return {
    requestsPerSecond,
    diesPerSecond: requestsPerSecond * load.dies,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
