import { Counter, type CounterConfiguration, Histogram, type HistogramConfiguration } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

/**
 * prom-client's metrics look their labels up by a hash at every observation: 1 to 2 µs each, and ten of
 * them for a die cost more than decoding it. Here the labels are bound once, in a series; observing is
 * then an addition, and prom-client's part is to describe and render. The names and formats of the
 * output are prom-client's own.
 */
export class SeriesCounter extends Counter<string> {
  readonly #series: CounterSeries[] = [];
  readonly #description: { readonly name: string; readonly help: string };

  constructor(configuration: CounterConfiguration<string>) {
    super(configuration);
    this.#description = configuration;
  }

  /** A new series; the caller keeps it, and asks only once for each set of labels. */
  series(labels: Labels): CounterSeries {
    const series = new CounterSeries(labels);
    this.#series.push(series);
    return series;
  }

  override async get() {
    const { name, help } = this.#description;
    const values = this.#series.map(({ labels, value }) => ({ labels, value }));
    return { ...(await super.get()), name, help, values };
  }
}

/** A counter with its labels bound. */
export class CounterSeries {
  readonly labels: Labels;
  #value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get value(): number {
    return this.#value;
  }

  add(amount: number): void {
    this.#value += amount;
  }
}

/** A histogram whose series are bound to their labels once; see {@link SeriesCounter}. */
export class SeriesHistogram extends Histogram<string> {
  readonly #series: HistogramSeries[] = [];
  readonly #bounds: readonly number[];
  // Describes the metric: a histogram's own get calls getForPromString, which is ours.
  readonly #described: Histogram<string>;

  constructor(configuration: HistogramConfiguration<string> & { buckets: number[] }) {
    super(configuration);
    this.#bounds = configuration.buckets;
    this.#described = new Histogram({ ...configuration, registers: [] });
  }

  /** A new series; the caller keeps it, and asks only once for each set of labels. */
  series(labels: Labels): HistogramSeries {
    const series = new HistogramSeries(labels, this.#bounds);
    this.#series.push(series);
    return series;
  }

  override async get() {
    const description = await this.#described.get();
    return { ...description, values: this.#series.flatMap((series) => series.export(description.name)) };
  }

  /** What prom-client's registry calls in place of `get`, where a metric has it. */
  getForPromString() {
    return this.get();
  }
}

/** A histogram with its labels bound. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  // One more than there are bounds: the last counts what is above all of them.
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] ?? 0)) i++;
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sum += value;
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
