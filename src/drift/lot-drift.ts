import type { ModelVersion } from '../models/model-version.js';
import { type Assessment, assess, countOver, type GroupAssessment, largest } from './assess.js';
import { countingSpecOf } from './counting-spec.js';
import { DriftCounts } from './counts.js';
import { DriftCounter, type GroupCounts } from './drift-counter.js';
import { type FailRateVerdict, failRateDiffers } from './equipment-fail-rates.js';
import { type ReferenceBins, referenceBins } from './reference-bins.js';
import { failRate, namedWorst, parameterRow } from './report.js';
import { type DriftVerdict, judgeDrift, type Names } from './verdict.js';
import { groupCode, WAFER_BUCKETS } from './wafer-buckets.js';
import { DriftWindow } from './window.js';

/** A die as it was scored, and where. */
interface ScoredRow {
  /** float32 [parameters]. */
  readonly params: Float32Array;
  /** float32 [outputs]. */
  readonly row: Float32Array;
  /** The tester; undefined where the lot does not name it. */
  readonly equipment: string | undefined;
  /** Head and site of that tester. */
  readonly site: string;
  /** The wafer, of whatever lot; undefined for packaged parts. */
  readonly wafer: string | undefined;
}

/** What one tester, or one site of it, shows. Indexes are as in `GET /models/{model}/drift`. */
export interface GroupDrift {
  readonly name: string;
  readonly dies: number;
  /** Whether its dies and wafers are enough to tell drift from what wafers differ by. */
  readonly judged: boolean;
  readonly drifts: boolean;
  readonly failRate: number | null;
  /** Its fail rate against the other groups. */
  readonly failRateVerdict: FailRateVerdict['verdict'];
  /** Null where its dies are too few to be compared. */
  readonly psiMax: number | null;
  /** Largest index that is its own: beyond what wafers and the other groups show. Null where not judged. */
  readonly ownPsiMax: number | null;
  readonly worst: readonly { readonly index: number; readonly name: string; readonly psi: number }[];
}

/** The dies of scored lots against the reference of the model, judged as the server judges a window. */
export interface LotDrift {
  readonly verdict: DriftVerdict;
  readonly sentence: string;
  readonly dies: number;
  readonly referenceDies: number;
  /** Whether the reference knows its shares exactly; an older one knows intervals. */
  readonly referenceShares: 'exact' | 'intervals';
  readonly minimumDies: number;
  /** Wafers, or blocks of 200 packaged parts: how much these differ tells drift from chance. */
  readonly steps: number;
  readonly psiMax: number;
  readonly over: { readonly changed: number; readonly drifted: number };
  readonly score: { readonly psi: number; readonly ks: number };
  /** Every parameter, in the model's order. */
  readonly parameters: readonly ({ readonly index: number; readonly name: string } & ReturnType<
    typeof parameterRow
  >)[];
  readonly equipment: readonly GroupDrift[];
  readonly sites: readonly GroupDrift[];
}

/** Takes dies in the order in which they were tested. */
export interface LotDriftCounter {
  count(die: ScoredRow): void;
  finish(): LotDrift;
}

/** The server's default of DRIFT_MINIMUM_DIES. */
const MINIMUM_DIES = 500;
/** Packaged parts have no wafers: so many are a step. */
const PARTS_OF_A_STEP = 200;
const MOST_TOLD_APART = 64;
const OTHERS = 'others, not told apart';

/** A counter for a version that has a reference; undefined for one that has none. */
export function createLotDriftCounter(version: ModelVersion): LotDriftCounter | undefined {
  const { reference: given, decide, contract } = version;
  if (given === undefined) return undefined;
  const reference = referenceBins(given);
  const spec = { ...countingSpecOf({ reference: given, contract }), groups: MOST_TOLD_APART + 1 };
  const counter = new DriftCounter(spec, decide, () => 0, Number.POSITIVE_INFINITY);
  const windows = {
    sites: new DriftWindow(contract.parameterCount, Number.POSITIVE_INFINITY),
    equipment: new DriftWindow(contract.parameterCount, Number.POSITIVE_INFINITY),
  };
  const sites = new Numbering();
  const equipment = new Numbering();
  const equipmentOfSite = new Map<number, number>();
  let [steps, inStep] = [0, 0];
  let wafer: string | undefined;

  function endStep(): void {
    if (inStep === 0) return;
    const counted = counter.take();
    windows.equipment.add(sumsBy(counted, (site) => equipmentOfSite.get(site) ?? 0));
    windows.sites.add(counted);
    for (const window of Object.values(windows)) window.nextStep();
    steps++;
    inStep = 0;
  }

  return {
    count(die) {
      if (die.wafer !== wafer || (wafer === undefined && inStep >= PARTS_OF_A_STEP)) endStep();
      wafer = die.wafer;
      inStep++;
      const tester = die.equipment ?? 'unnamed';
      const site = sites.numberOf(`${tester} ${die.site}`);
      equipmentOfSite.set(site, equipment.numberOf(tester));
      counter.count(
        {
          dies: 1,
          params: die.params,
          rows: die.row,
          groups: Float32Array.of(groupCode(site, steps % WAFER_BUCKETS)),
        },
        0,
      );
    },
    finish() {
      endStep();
      const ofEquipment = assess(reference, windows.equipment, MINIMUM_DIES);
      const ofSites = assess(reference, windows.sites, MINIMUM_DIES);
      const names = { equipment: namesOf(version, equipment), sites: namesOf(version, sites) };
      const { verdict, sentence } = judgeDrift(ofEquipment, names.equipment, MINIMUM_DIES);
      return {
        ...{ verdict, sentence, steps, minimumDies: MINIMUM_DIES, referenceDies: reference.dies },
        referenceShares: reference.exact ? 'exact' : 'intervals',
        ...wholeOf(ofEquipment, reference, names.equipment),
        equipment: ofEquipment.groups.map((group) => groupDrift(group, names.equipment)),
        sites: ofSites.groups.map((group) => groupDrift(group, names.sites)),
      };
    },
  };
}

/** Counts of sites as counts of their testers; a sum of its own each, as windows keep what they are given. */
function sumsBy(counted: readonly GroupCounts[], groupOf: (group: number) => number): GroupCounts[] {
  const sums = new Map<number, DriftCounts>();
  for (const { group, counts } of counted) {
    const sum = sums.get(groupOf(group)) ?? new DriftCounts(counts.parameters);
    sum.add(counts);
    sums.set(groupOf(group), sum);
  }
  return [...sums].map(([group, counts]) => ({ group, counts }));
}

function wholeOf({ all, psi, ...assessment }: Assessment, reference: ReferenceBins, names: Names) {
  const score = assessment.score();
  return {
    dies: all.sampled,
    psiMax: largest(psi),
    over: countOver(psi),
    score: { psi: score.psi.psi, ks: score.ks },
    parameters: assessment.parameters().map((drift, index) => ({
      index,
      name: names.parameter(index),
      ...parameterRow(drift, reference, index),
    })),
  };
}

function groupDrift(
  { group, counts, enough, psi, own, failRate: verdict }: GroupAssessment,
  names: Names,
): GroupDrift {
  return {
    name: names.group(group),
    dies: counts.sampled,
    judged: enough,
    drifts: (enough && countOver(own).drifted > 0) || failRateDiffers(verdict),
    failRate: failRate(counts),
    failRateVerdict: verdict.verdict,
    psiMax: counts.sampled < MINIMUM_DIES ? null : largest(psi),
    ownPsiMax: enough ? largest(own) : null,
    worst: namedWorst(own, names),
  };
}

function namesOf({ manifest }: ModelVersion, groups: Numbering): Names {
  const { parameters } = manifest.input;
  return {
    parameter: (index) =>
      (typeof parameters === 'number' ? undefined : parameters[index]?.name) ?? `parameter ${index}`,
    group: (group) => groups.nameOf(group),
  };
}

/** Numbers for names in their order, the last one for all beyond the bound. */
class Numbering {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= MOST_TOLD_APART) return MOST_TOLD_APART;
    this.#names.push(name);
    this.#numbers.set(name, this.#names.length - 1);
    return this.#names.length - 1;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? OTHERS;
  }
}
