import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';
import { z } from 'zod';

const ValueSchema = z
  .union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ intValue: z.number() }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ boolValue: z.boolean() }),
  ])
  .transform((value) => Object.values(value)[0]);
const AttributesSchema = z
  .array(z.object({ key: z.string(), value: ValueSchema }))
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value])));
const traceId = z.string().regex(/^[0-9a-f]{32}$/);
const spanId = z.string().regex(/^[0-9a-f]{16}$/);
const nanoseconds = z
  .string()
  .regex(/^\d{19}$/)
  .transform(BigInt);

const SpanSchema = z.object({
  traceId,
  spanId,
  parentSpanId: spanId.optional(),
  traceState: z.string().optional(),
  name: z.string(),
  kind: z.int(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes: AttributesSchema,
  links: z.array(z.object({ traceId, spanId })),
  status: z.object({ code: z.int(), message: z.string().optional() }),
});
export type ExportedSpan = z.infer<typeof SpanSchema>;

/** The body of an export: OTLP in its JSON encoding. */
const ExportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: AttributesSchema }),
      scopeSpans: z.array(z.object({ spans: z.array(SpanSchema) })),
    }),
  ),
});

/** What a collector is sent, and what it answers. */
export class OtlpCollector {
  readonly spans: ExportedSpan[] = [];
  readonly resources: Record<string, unknown>[] = [];
  readonly requests: { readonly url: string | undefined; readonly headers: IncomingHttpHeaders }[] = [];
  /** Status of every answer; 0 for none at all. */
  status = 200;
  readonly #events = new EventEmitter();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.requests.push({ url: request.url, headers: request.headers });
      if (this.status === 200) this.#take(Buffer.concat(chunks).toString());
      this.#events.emit('request');
      if (this.status !== 0)
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
    });
  });

  /** A collector on a free port, for one test. */
  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    onTestFinished(() => {
      collector.#server.closeAllConnections();
      collector.#server.close();
    });
    return collector;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the collector has no TCP address');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Resolves when `enough` says so of what has come. */
  async until(enough: (collector: this) => boolean): Promise<void> {
    while (!enough(this)) await once(this.#events, 'request');
  }

  named(name: string): ExportedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  #take(body: string): void {
    for (const { resource, scopeSpans } of ExportSchema.parse(JSON.parse(body)).resourceSpans) {
      this.resources.push(resource.attributes);
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
  }
}
