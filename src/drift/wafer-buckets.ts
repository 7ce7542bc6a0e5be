import { murmur3 } from '../traffic/murmur3.js';

/** Wafers of a group are told apart by so many buckets: enough for a variance, few enough to keep for every group. */
export const WAFER_BUCKETS = 64;

/**
 * What a worker is told of a die: its group of equipment and the bucket of its wafer, in one number that a float32
 * holds exactly.
 */
export function groupCode(group: number, bucket: number): number {
  return group * WAFER_BUCKETS + bucket;
}

/** The wafer that a group sent last. */
interface LastWafer {
  readonly wafer: string;
  readonly lot: string | null | undefined;
  readonly bucket: number;
}

/** Buckets for wafers by a hash of lot and wafer; dies of one wafer come one after the other, so that most need none. */
export class WaferBuckets {
  readonly #last: (LastWafer | undefined)[] = [];
  #step = 0;

  /** The bucket of a die's wafer; a die that names none counts with all others of its step. */
  bucketOf(group: number, wafer: string | null | undefined, lot: string | null | undefined): number {
    if (wafer === null || wafer === undefined) return this.#step % WAFER_BUCKETS;
    const last = this.#last[group];
    if (last !== undefined && last.wafer === wafer && last.lot === lot) return last.bucket;
    const bucket = murmur3(`${lot ?? ''}\n${wafer}`, 0) % WAFER_BUCKETS;
    this.#last[group] = { wafer, lot, bucket };
    return bucket;
  }

  nextStep(): void {
    this.#step++;
  }
}
