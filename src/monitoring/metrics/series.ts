import { Counter, type CounterConfiguration, Histogram, type HistogramConfiguration } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

/** The trace that an observation belongs to, W3C trace context: 32 lower-case hex digits. */
export type TraceId = string;

/** The two formats that Prometheus reads. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/**
 * prom-client's metrics look their labels up by a hash at every observation: 1 to 2 µs each, and ten of
 * them for a die cost more than decoding it. Here the labels are bound once, in a series; observing is
 * then an addition. A series also keeps the text of its lines up to the value, so that a scrape of many
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

  /** The lines of the metric, without a line end after the last. */
  render(format: MetricsFormat): string {
    this.#open();
    const lines = this.#series.map((series) => series.line());
    return [...heading(this.#description, 'counter', format), ...lines].join('\n');
  }
}

/** A counter with its labels bound. */
export class CounterSeries {
  readonly labels: Labels;
  readonly #start: string;
  #value = 0;

  /** @param start the series' line up to its value */
  constructor(labels: Labels, start: string) {
    this.labels = labels;
    this.#start = start;
  }

  get value(): number {
    return this.#value;
  }

  add(amount: number): void {
    this.#value += amount;
  }

  line(): string {
    return this.#start + valueText(this.#value);
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

  /** The lines of the metric, without a line end after the last; exemplars only in OpenMetrics. */
  render(format: MetricsFormat): string {
    const lines = this.#series.flatMap((series) => series.lines(format));
    return [...heading(this.#description, 'histogram', format), ...lines].join('\n');
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
export class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  // One more than there are bounds: the last counts what is above all of them.
  readonly #counts: Float64Array;
  // The lines of the buckets up to their counts.
  readonly #bucketStarts: readonly string[];
  readonly #sumStart: string;
  readonly #countStart: string;
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

  lines(format: MetricsFormat): string[] {
    let count = 0;
    const lines = this.#bucketStarts.map((start, i) => {
      count += this.#counts[i] ?? 0;
      const exemplar = format === 'openmetrics' ? this.#exemplars[i] : undefined;
      return start + count + (exemplar === undefined ? '' : exemplarText(exemplar));
    });
    lines.push(this.#sumStart + valueText(this.#sum), this.#countStart + count);
    return lines;
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

/** HELP and TYPE; in OpenMetrics a counter's family has no `_total`, which its samples keep. */
export function heading(
  { name, help }: Description,
  type: 'counter' | 'gauge' | 'histogram',
  format: MetricsFormat,
): [string, string] {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  return [`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${type}`];
}

/** A sample's line up to its value. */
export function sampleStart(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([label, value]) => `${label}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? `${name} ` : `${name}{${pairs.join(',')}} `;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** A sum of scores may be anything that a number can be; prom-client writes "Nan", which both formats take. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'Nan';
  return value > 0 ? '+Inf' : '-Inf';
}

function exemplarText({ traceId, value, atMs }: Exemplar): string {
  return ` # {trace_id="${traceId}"} ${value} ${(atMs / 1000).toFixed(3)}`;
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
