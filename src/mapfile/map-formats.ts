import { LARGEST_XML_BIN } from './bin-codes.js';
import type { BinMap } from './bin-map.js';
import { e142Text, readE142 } from './e142.js';
import { g85Text, readG85 } from './g85.js';
import { keptBySinf, LARGEST_SINF_BIN, readSinf, sinfText } from './sinf.js';

/** A format of wafer map files for assembly. */
interface MapFormat {
  /** Ending of its files, with the dot. */
  readonly ending: string;
  /** The largest bin that it can write. */
  readonly largestBin: number;
  write(map: BinMap): string;
  /** What the format has room for of a map: what `read` gives of what `write` wrote. */
  kept(map: BinMap): BinMap;
  /** @throws Fault `invalid_data` for what is not this format or does not fit together */
  read(text: string): BinMap;
}

const whole = (map: BinMap): BinMap => map;

/** The formats by the name that an option gives them. */
export const MAP_FORMATS = {
  sinf: { ending: '.sinf', largestBin: LARGEST_SINF_BIN, write: sinfText, kept: keptBySinf, read: readSinf },
  g85: { ending: '.g85.xml', largestBin: LARGEST_XML_BIN, write: g85Text, kept: whole, read: readG85 },
  e142: { ending: '.e142.xml', largestBin: LARGEST_XML_BIN, write: e142Text, kept: whole, read: readE142 },
} as const satisfies Readonly<Record<string, MapFormat>>;

export type MapFormatName = keyof typeof MAP_FORMATS;
