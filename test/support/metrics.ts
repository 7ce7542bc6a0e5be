import { expect } from 'vitest';

/** One sample line of a metrics text. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its help, its type and its samples. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', ''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** Reads a Prometheus or OpenMetrics text; fails on any line that the formats do not have. */
export function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let name = '';
  for (const line of text.split('\n')) {
    const [, kind, family = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      expect(families.has(family), `${family} twice`).toBe(false);
      families.set(family, { help: rest, type: '', samples: [] });
      name = family;
    } else if (kind === 'TYPE') {
      expect(family).toBe(name);
      const known = families.get(family);
      if (known !== undefined) known.type = rest;
    } else if (line !== '' && line !== '# EOF') {
      const known = families.get(name) ?? expect.fail(`a sample before any HELP: ${line}`);
      const sample = sampleOf(line);
      expect(SUFFIXES[known.type]?.map((suffix) => name + suffix)).toContain(sample.name);
      known.samples.push(sample);
    }
  }
  return families;
}

function sampleOf(line: string): Sample {
  const pattern =
    /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)(?: # \{trace_id="[0-9a-f]{32}"\} \S+ \S+)?$/;
  const [, name, labels = '', value] = pattern.exec(line) ?? [];
  if (name === undefined || value === undefined) return expect.fail(`not a sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  // Both formats take "nan" in any case, and prom-client writes "Nan".
  expect(/^nan$/i.test(value) || !Number.isNaN(number), line).toBe(true);
  return { name, labels: Object.fromEntries(pairs.map((pair) => [pair[1], pair[2] ?? ''])), value: number };
}
