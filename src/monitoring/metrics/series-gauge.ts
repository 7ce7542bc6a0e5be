import { Gauge, type GaugeConfiguration } from 'prom-client';
import { type ExpositionBytes, valueText } from './exposition-bytes.js';
import { type Description, type Labels, type MetricsFormat, sampleStart, seriesHeading } from './series.js';

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
  readonly #lines = new WeakMap<GaugeSample, Uint8Array>();

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

  /** Writes the lines of the metric. */
  render(format: MetricsFormat, to: ExpositionBytes): void {
    to.text(seriesHeading(this.#description, 'gauge', format));
    for (const sample of this.#read()) to.lines(this.#lineOf(sample));
  }

  #lineOf(sample: GaugeSample): Uint8Array {
    let line = this.#lines.get(sample);
    if (line === undefined) {
      const start = sampleStart(this.#description.name, sample.labels);
      line = Buffer.concat([start, Buffer.from(`${valueText(sample.value)}\n`)]);
      this.#lines.set(sample, line);
    }
    return line;
  }
}
