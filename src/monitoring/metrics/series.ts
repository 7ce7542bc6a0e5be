import { Counter, type CounterConfiguration, Histogram, type HistogramConfiguration } from 'prom-client';
import type { ExpositionBytes } from './exposition-bytes.js';

export type Labels = Readonly<Record<string, string>>;

/** The trace that an observation belongs to, W3C trace context: 32 lower-case hex digits. */
type TraceId = string;

/** The two formats that Prometheus reads. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/**
 * prom-client's metrics look their labels up by a hash at every observation: 1 to 2 µs each, and ten of
 * them for a die cost more than decoding it. Here the labels are bound once, in a series; observing is
 * then an addition. A series also keeps the bytes of its lines up to the value, so that a scrape of many
 * versions costs little more than writing the numbers. The output is prom-client's to the byte.
 */
export class SeriesCounter extends Counter<string> {
  readonly #series: CounterSeries[] = [];
  readonly #description: Description;
  readonly #open: () => void;

  /**
   * @param open called before each rendering, to make series that must be there from 0 on: Prometheus
   * counts no increase for a series that begins with its first value
   */
  constructor(configuration: CounterConfiguration<string>, open: () => void = () => {}) {
    super(configuration);
    this.#description = configuration;
    this.#open = open;
  }

  /** The series of these labels; the caller keeps it, as finding it again is slow. */
  series(labels: Labels): CounterSeries {
    const make = () => new CounterSeries(labels, sampleStart(this.#description.name, labels));
    return onlyOne(this.#series, labels, make);
  }

  override async get() {
    const { name, help } = this.#description;
    const description = await super.get();
    this.#open();
    const values = this.#series.map(({ labels, value }) => ({ labels, value }));
    return { ...description, name, help, values };
  }

  /** Writes the lines of the metric. */
  render(format: MetricsFormat, to: ExpositionBytes): void {
    this.#open();
    to.text(seriesHeading(this.#description, 'counter', format));
    for (const series of this.#series) series.render(to);
  }
}

/** A counter with its labels bound. */
class CounterSeries {
  readonly labels: Labels;
  readonly #start: Uint8Array;
  #value = 0;

  /** @param start the series' line up to its value */
  constructor(labels: Labels, start: Uint8Array) {
    this.labels = labels;
    this.#start = start;
  }

  get value(): number {
    return this.#value;
  }

  add(amount: number): void {
    this.#value += amount;
  }

  render(to: ExpositionBytes): void {
    to.sample(this.#start, this.#value);
  }
}

/** A histogram whose series are bound to their labels once; see {@link SeriesCounter}. */
export class SeriesHistogram extends Histogram<string> {
  readonly #series: HistogramSeries[] = [];
  readonly #bounds: readonly number[];
  readonly #description: Description;
  // Describes the metric: a histogram's own get calls getForPromString, which is ours.
  readonly #described: Histogram<string>;

  constructor(configuration: HistogramConfiguration<string> & { buckets: number[] }) {
    super(configuration);
    this.#bounds = configuration.buckets;
    this.#description = configuration;
    this.#described = new Histogram({ ...configuration, registers: [] });
  }

  /** The series of these labels; the caller keeps it, as finding it again is slow. */
  series(labels: Labels): HistogramSeries {
    const make = () => new HistogramSeries(this.#description.name, labels, this.#bounds);
    return onlyOne(this.#series, labels, make);
  }

  override async get() {
    const description = await this.#described.get();
    return { ...description, values: this.#series.flatMap((series) => series.export(description.name)) };
  }

  /** What prom-client's registry calls in place of `get`, where a metric has it. */
  getForPromString() {
    return this.get();
  }

  /** Writes the lines of the metric; exemplars only in OpenMetrics. */
  render(format: MetricsFormat, to: ExpositionBytes): void {
    to.text(seriesHeading(this.#description, 'histogram', format));
    for (const series of this.#series) series.render(format, to);
  }
}

/** The last traced observation in a bucket. */
interface Exemplar {
  readonly traceId: TraceId;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A histogram with its labels bound. */
class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  // One more than there are bounds: the last counts what is above all of them.
  readonly #counts: Float64Array;
  // The lines of the buckets up to their counts.
  readonly #bucketStarts: readonly Uint8Array[];
  readonly #sumStart: Uint8Array;
  readonly #countStart: Uint8Array;
  // One for each bucket at most; empty until a traced request comes.
  readonly #exemplars: (Exemplar | undefined)[] = [];
  #sum = 0;

  constructor(name: string, labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    this.#bucketStarts = [...bounds.map(String), '+Inf'].map((le) =>
      sampleStart(`${name}_bucket`, { le, ...labels }),
    );
    this.#sumStart = sampleStart(`${name}_sum`, labels);
    this.#countStart = sampleStart(`${name}_count`, labels);
  }

  observe(value: number): void {
    this.#count(value);
  }

  /** Observes, and keeps the trace as the exemplar of the bucket in place of the one before. */
  observeTraced(value: number, traceId: TraceId, atMs: number): void {
    this.#exemplars[this.#count(value)] = { traceId, value, atMs };
  }

  /** The samples of the series, buckets cumulative, as prom-client renders them. */
  export(name: string): { metricName: string; labels: Record<string, string | number>; value: number }[] {
    let count = 0;
    const buckets = Array.from(this.#counts, (inBucket, i) => {
      count += inBucket;
      const le = this.#bounds[i] ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { le, ...this.labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.labels, value: count },
    ];
  }

  render(format: MetricsFormat, to: ExpositionBytes): void {
    let count = 0;
    for (const [i, start] of this.#bucketStarts.entries()) {
      count += this.#counts[i] ?? 0;
      const exemplar = format === 'openmetrics' ? this.#exemplars[i] : undefined;
      if (exemplar === undefined) to.sample(start, count);
      else {
        to.sampleOpen(start, count);
        to.text(exemplarText(exemplar));
      }
    }
    to.sample(this.#sumStart, this.#sum);
    to.sample(this.#countStart, count);
  }

  /** @returns the index of the bucket */
  #count(value: number): number {
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] ?? 0)) i++;
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sum += value;
    return i;
  }
}

/** What a metric is called and what it is. */
export interface Description {
  readonly name: string;
  readonly help: string;
}

/** The lines HELP and TYPE; in OpenMetrics a counter's family has no `_total`, which its samples keep. */
export function seriesHeading(
  { name, help }: Description,
  type: 'counter' | 'gauge' | 'histogram',
  format: MetricsFormat,
): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  return `# HELP ${family} ${escaped(help)}\n# TYPE ${family} ${type}\n`;
}

/** A sample's line up to its value. */
export function sampleStart(name: string, labels: Labels): Buffer {
  const pairs = Object.entries(labels).map(
    ([label, value]) => `${label}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return Buffer.from(pairs.length === 0 ? `${name} ` : `${name}{${pairs.join(',')}} `);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function exemplarText({ traceId, value, atMs }: Exemplar): string {
  return ` # {trace_id="${traceId}"} ${value} ${(atMs / 1000).toFixed(3)}\n`;
}

/** A version that has left and comes back goes on with the series that it had: two would be one too many. */
function onlyOne<S extends { readonly labels: Labels }>(all: S[], labels: Labels, make: () => S): S {
  const names = Object.keys(labels);
  const known = all.find((series) => names.every((name) => series.labels[name] === labels[name]));
  if (known !== undefined) return known;
  const made = make();
  all.push(made);
  return made;
}

/** Remembers what was made for a key: makes it at the first call, finds it at all others. */
export function remember<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) {
      value = make(key);
      made.set(key, value);
    }
    return value;
  };
}

/** The labels of a version's series, of its key. */
export function labelsOfKey(key: string): { model_name: string; model_version: string } {
  const [model_name = '', model_version = ''] = key.split('/');
  return { model_name, model_version };
}
