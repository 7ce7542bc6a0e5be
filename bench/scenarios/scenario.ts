/** How long and how often a scenario measures. */
export interface Effort {
  /** Seconds of load for each target before the first round. */
  readonly warmUpSeconds: number;
  /** Interleaved rounds; the medians are over them. */
  readonly rounds: number;
  /** Seconds of load for each target in each round. */
  readonly seconds: number;
  /** Seconds of the overload. */
  readonly overloadSeconds: number;
}

/** One measured figure, with the bound that it has to keep where there is one. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A question that is asked of diegate, and how to answer it. */
export interface Scenario {
  readonly name: string;
  readonly question: string;
  run(effort: Effort): Promise<Figure[]>;
}

/** Whether a figure keeps its bound; true where there is none. */
export function keepsBound({ value, atLeast, atMost }: Figure): boolean {
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}

/**
 * full: every bound as it stands, for a quiet machine. smoke: what any machine can be held to, at half of what is
 * promised: ratios of two figures measured side by side, and counts of dies, which no noise excuses.
 */
export const GATES = ['full', 'smoke'] as const;
export type Gate = (typeof GATES)[number];

const SMOKE_FACTOR = 2;

/** A figure with the bound that a gate holds it to. */
export function gated(figure: Figure, gate: Gate): Figure {
  if (gate === 'full') return figure;
  const { name, value, unit, atLeast, atMost } = figure;
  if (unit === 'dies') return figure;
  if (unit !== '×') return { name, value, unit };
  return {
    name,
    value,
    unit,
    ...(atLeast !== undefined && { atLeast: atLeast / SMOKE_FACTOR }),
    ...(atMost !== undefined && { atMost: atMost * SMOKE_FACTOR }),
  };
}
