import { Gauge, type GaugeConfiguration } from 'prom-client';
import {
  type Description,
  heading,
  type Labels,
  type MetricsFormat,
  sampleStart,
  valueText,
} from './series.js';

/** A value with its labels; never changed, so that its line is made once. */
export interface GaugeSample {
  readonly labels: Labels;
  readonly value: number;
}

/**
 * A gauge whose samples are read at each scrape. The line of a sample is kept for as long as the sample is
 * there: where most are the same as at the scrape before, a thousand of them cost next to nothing. The
 * output is prom-client's to the byte.
 */
export class SeriesGauge extends Gauge<string> {
  readonly #description: Description;
  readonly #read: () => readonly GaugeSample[];
  readonly #lines = new WeakMap<GaugeSample, string>();

  /** @param read every sample, the same object for as long as nothing in it changes */
  constructor(configuration: GaugeConfiguration<string>, read: () => readonly GaugeSample[]) {
    super(configuration);
    this.#description = configuration;
    this.#read = read;
  }

  override async get() {
    const description = await super.get();
    return { ...description, values: this.#read().map(({ labels, value }) => ({ labels, value })) };
  }

  /** The lines of the metric, without a line end after the last. */
  render(format: MetricsFormat): string {
    const lines = this.#read().map((sample) => this.#lineOf(sample));
    return [...heading(this.#description, 'gauge', format), ...lines].join('\n');
  }

  #lineOf(sample: GaugeSample): string {
    let line = this.#lines.get(sample);
    if (line === undefined) {
      line = sampleStart(this.#description.name, sample.labels) + valueText(sample.value);
      this.#lines.set(sample, line);
    }
    return line;
  }
}
