import { type Assessment, countOver, type GroupAssessment, type OpenReason, worst } from './assess.js';
import { failRateDiffers } from './equipment-fail-rates.js';
import { PSI_DRIFTED } from './psi.js';
import { MINIMUM_STEPS } from './wander.js';

/** What the window says, in one word. */
export const VERDICTS = [
  'collecting',
  'open',
  'stable',
  'equipment',
  'product',
  'product and equipment',
] as const;
export type DriftVerdict = (typeof VERDICTS)[number];

/** What the window says, with the reason. */
interface DriftJudgement {
  readonly verdict: DriftVerdict;
  /** Groups that drift on their own, or fail more or fewer dies than the others. */
  readonly drifting: readonly number[];
  readonly sentence: string;
}

/** How numbers are called in the sentence. */
export interface Names {
  readonly parameter: (index: number) => string;
  readonly group: (group: number) => string;
}

/** Tells equipment that drifts by itself from a product that does, in a sentence. */
export function judgeDrift(assessment: Assessment, names: Names, minimumDies: number): DriftJudgement {
  const { all, enough, open, groups, product } = assessment;
  const judged = groups.filter((group) => group.enough);
  const drifting = judged.filter(({ own }) => countOver(own).drifted > 0);
  const failing = groups.filter(({ failRate }) => failRateDiffers(failRate));
  const productDrifts = countOver(product).drifted > 0;
  const found = [...new Set([...drifting, ...failing].map(({ group }) => group))].sort((a, b) => a - b);
  if (
    (!enough && open === undefined && failing.length === 0) ||
    (judged.length === 0 && !productDrifts && found.length === 0)
  ) {
    const sentence = `collecting: ${all.sampled} dies counted, ${minimumDies} and ${MINIMUM_STEPS} steps needed`;
    return { verdict: 'collecting', drifting: [], sentence };
  }
  const sentences = [
    ...(productDrifts ? [productSentence(product, judged, names)] : []),
    ...drifting.map((group) => equipmentSentence(group, names)),
    ...failing.map((group) => failRateSentence(group, names)),
  ];
  if (sentences.length === 0 && open !== undefined)
    return { verdict: 'open', drifting: [], sentence: OPEN[open] };
  if (sentences.length === 0) {
    const sentence = `no parameter is more than ${PSI_DRIFTED} beyond what wafers differ by, on any equipment`;
    return { verdict: 'stable', drifting: [], sentence };
  }
  const kinds = [...(productDrifts ? ['product'] : []), ...(found.length > 0 ? ['equipment'] : [])];
  const verdict = VERDICTS.find((known) => known === kinds.join(' and ')) ?? 'product';
  return { verdict, drifting: found, sentence: sentences.join('; ') };
}

const OPEN: Readonly<Record<OpenReason, string>> = {
  reference_of_one_wafer:
    'open: the reference is of one wafer, so that what differs may be the wafers; train on at least two, better ten',
};

function productSentence(product: Float64Array, judged: readonly GroupAssessment[], names: Names): string {
  const where =
    judged.length < 2 ? 'one equipment only, so it may be the tester' : `seen by ${judged.length} equipment`;
  return `the product drifts (${where}): ${describe(product, names)}`;
}

function equipmentSentence({ group, own }: GroupAssessment, names: Names): string {
  return `${names.group(group)} drifts against the reference and the other equipment: ${describe(own, names)}`;
}

function failRateSentence({ group, counts, failRate }: GroupAssessment, names: Names): string {
  const own = counts.fails / Math.max(1, counts.sampled - counts.unscorable);
  const others = own - (failRate.difference?.value ?? 0);
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  return `${names.group(group)} ${failRate.verdict} dies than the other equipment: ${percent(own)} to ${percent(others)}`;
}

function describe(indexes: Float64Array, names: Names): string {
  const { drifted } = countOver(indexes);
  const [most] = worst(indexes, 1);
  const named =
    most === undefined ? '' : `, most ${names.parameter(most.parameter)} (${most.psi.toFixed(2)})`;
  return `${drifted} ${drifted === 1 ? 'parameter' : 'parameters'} over ${PSI_DRIFTED}${named}`;
}
