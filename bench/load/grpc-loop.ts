import { Http2Client } from './http2-client.js';

const PACKAGE = '/inference.GRPCInferenceService';
/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** A ModelInferRequest of one die as raw float32, as bytes with the prefix of gRPC. */
export function dieMessage(model: string, row: Buffer): Buffer {
  const shape = field(3, Buffer.concat([varint(1), varint(row.length / 4)]));
  const input = Buffer.concat([field(1, Buffer.from('test_params')), field(2, Buffer.from('FP32')), shape]);
  return framed(Buffer.concat([field(1, Buffer.from(model)), field(5, input), field(7, row)]));
}

/** Dies a second of a closed loop. */
export interface GrpcLoopResult {
  readonly dies: number;
  readonly diesPerSecond: number;
}

interface GrpcLoop {
  readonly message: Buffer;
  readonly seconds: number;
}

/**
 * ModelInfer: each connection keeps `callers` calls in flight for `seconds`.
 * @throws Error where a call was refused or broken off, so that nobody measures refusals
 */
export async function unaryLoop(
  port: number,
  { connections, callers, message, seconds }: GrpcLoop & { connections: number; callers: number },
): Promise<GrpcLoopResult> {
  const path = `${PACKAGE}/ModelInfer`;
  const clients = await Promise.all(Array.from({ length: connections }, () => Http2Client.open(port, path)));
  return loop(seconds, (until, count) => {
    const call = (client: Http2Client): Promise<void> =>
      new Promise((resolve, reject) => {
        const again = () => {
          let bytes = 0;
          const data = (piece: Buffer) => {
            bytes += piece.length;
          };
          const end = (isBroken: boolean) => {
            if (isBroken || bytes <= PREFIX_BYTES)
              return reject(new Error('a call was refused or broken off'));
            count(1);
            if (performance.now() < until) again();
            else resolve();
          };
          client.call({ data, end }, message);
        };
        again();
      });
    return Promise.all(clients.flatMap((client) => Array.from({ length: callers }, () => call(client))));
  }).finally(() => {
    for (const client of clients) client.close();
  });
}

/**
 * ModelStreamInfer: one stream with `window` messages that are not answered yet, for `seconds`.
 * @throws Error where an answer is of another length than the first, as an error's would be, or the stream breaks
 */
export async function streamLoop(
  port: number,
  { window, message, seconds }: GrpcLoop & { window: number },
): Promise<GrpcLoopResult> {
  const client = await Http2Client.open(port, `${PACKAGE}/ModelStreamInfer`);
  return loop(
    seconds,
    (until, count) =>
      new Promise<void>((resolve, reject) => {
        let come: Buffer = Buffer.alloc(0);
        let length: number | undefined;
        let waiting = window;
        const answered = () => {
          count(1);
          waiting--;
          if (performance.now() < until) {
            client.send(stream, message);
            waiting++;
          } else if (waiting === 0) resolve();
        };
        const data = (piece: Buffer) => {
          come = come.length === 0 ? piece : Buffer.concat([come, piece]);
          while (come.length >= PREFIX_BYTES) {
            const end = PREFIX_BYTES + come.readUInt32BE(1);
            if (come.length < end) break;
            length ??= end;
            if (end !== length) reject(new Error(`an answer has ${end} bytes, the first one had ${length}`));
            come = come.subarray(end);
            answered();
          }
        };
        const end = () => reject(new Error('the stream has ended'));
        const stream = client.call({ data, end }, undefined);
        for (let i = 0; i < window; i++) client.send(stream, message);
      }),
  ).finally(() => client.close());
}

async function loop(
  seconds: number,
  run: (untilMs: number, count: (dies: number) => void) => Promise<unknown>,
): Promise<GrpcLoopResult> {
  const startedMs = performance.now();
  let dies = 0;
  await run(startedMs + seconds * 1000, (more) => {
    dies += more;
  });
  return { dies, diesPerSecond: (dies * 1000) / (performance.now() - startedMs) };
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A field of a message that has a length. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
