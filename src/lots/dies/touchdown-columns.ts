import type { Part, Wafer } from '../../stdf/stdf.js';
import { growingColumn, textColumn } from './growing-columns.js';
import type { Touchdown, TouchedPart } from './touchdown.js';

/** Touchdowns by their numbers, from 0. */
export interface Touchdowns {
  readonly length: number;
  /** Made anew each time it is asked for: what is kept of a touchdown are some forty bytes. */
  at(entry: number): Touchdown | undefined;
  /** What the tester says of the part. */
  verdictAt(entry: number): Part['verdict'];
  retestFlagAt(entry: number): Part['retestFlag'];
  /** Whether it has both coordinates. */
  isPlaced(entry: number): boolean;
}

/** No coordinate: what X_COORD and Y_COORD have in its place. */
const NOWHERE = -32_768;

/** X_COORD and Y_COORD are whole numbers of 16 bits, bins of 15 or 16. */
const NO_BIN = -1;

const VERDICTS = ['pass', 'fail', 'none'] as const satisfies readonly Part['verdict'][];
const ENDS = ['ended', 'not_ended'] as const satisfies readonly Part['end'][];
const FLAGS = [undefined, 'part_id', 'position'] as const satisfies readonly Part['retestFlag'][];

/** Keeps what says which dies the parts of a lot are, without an object for each. */
export class TouchdownColumns implements Touchdowns {
  #length = 0;
  readonly #index = growingColumn((room) => new Uint32Array(room));
  readonly #openedAfter = growingColumn((room) => new Uint32Array(room));
  readonly #pass = growingColumn((room) => new Uint32Array(room));
  /** HEAD_NUM × 256 + SITE_NUM. */
  readonly #site = growingColumn((room) => new Uint16Array(room));
  /** Verdict, end and flag of retest in two bits each. */
  readonly #said = growingColumn((room) => new Uint8Array(room));
  readonly #wafer = growingColumn((room) => new Int32Array(room));
  readonly #x = growingColumn((room) => new Int16Array(room));
  readonly #y = growingColumn((room) => new Int16Array(room));
  readonly #hardBin = growingColumn((room) => new Int32Array(room));
  readonly #partId = textColumn();
  readonly #wafers: Wafer[] = [];
  #last: Wafer | undefined;

  get length(): number {
    return this.#length;
  }

  /** @returns its number */
  add(part: TouchedPart, pass: number): number {
    this.#index.push(part.index);
    this.#openedAfter.push(part.openedAfter);
    this.#pass.push(pass);
    this.#site.push(part.headNum * 256 + part.siteNum);
    const said = VERDICTS.indexOf(part.verdict) | (ENDS.indexOf(part.end) << 2);
    this.#said.push(said | (FLAGS.indexOf(part.retestFlag) << 4));
    this.#wafer.push(this.#numberOf(part.wafer));
    this.#x.push(part.x ?? NOWHERE);
    this.#y.push(part.y ?? NOWHERE);
    this.#hardBin.push(part.hardBin ?? NO_BIN);
    this.#partId.push(part.partId);
    return this.#length++;
  }

  at(entry: number): Touchdown | undefined {
    if (!(entry >= 0 && entry < this.#length)) return undefined;
    const [said, site] = [this.#said.at(entry), this.#site.at(entry)];
    const part: TouchedPart = {
      index: this.#index.at(entry),
      headNum: site >> 8,
      siteNum: site & 0xff,
      end: ENDS[(said >> 2) & 3] ?? 'ended',
      wafer: this.#wafers[this.#wafer.at(entry)],
      x: known(this.#x.at(entry), NOWHERE),
      y: known(this.#y.at(entry), NOWHERE),
      partId: this.#partId.at(entry),
      verdict: this.verdictAt(entry),
      hardBin: known(this.#hardBin.at(entry), NO_BIN),
      openedAfter: this.#openedAfter.at(entry),
      retestFlag: this.retestFlagAt(entry),
    };
    return { part, pass: this.#pass.at(entry) };
  }

  verdictAt(entry: number): Part['verdict'] {
    return VERDICTS[this.#said.at(entry) & 3] ?? 'none';
  }

  retestFlagAt(entry: number): Part['retestFlag'] {
    return FLAGS[(this.#said.at(entry) >> 4) & 3];
  }

  isPlaced(entry: number): boolean {
    return this.#x.at(entry) !== NOWHERE && this.#y.at(entry) !== NOWHERE;
  }

  #numberOf(wafer: Wafer | undefined): number {
    if (wafer === undefined) return -1;
    if (wafer === this.#last) return this.#wafers.length - 1;
    // Two wafers on test by turns are kept by turns, which costs little.
    this.#wafers.push(wafer);
    this.#last = wafer;
    return this.#wafers.length - 1;
  }
}

function known(value: number, missing: number): number | undefined {
  return value === missing ? undefined : value;
}
