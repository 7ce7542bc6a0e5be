import type { DieLabel } from '../die/die.js';
import { Refusal } from '../errors.js';
import type { Reference } from '../models/manifest/reference.js';
import type { ModelVersion } from '../models/model-version.js';
import { type Assessment, assessInSlices, countOver, largest } from './assess.js';
import { type CountsMessage, fromMessage } from './drift-counter.js';
import { type Change, DriftState, failRateObserved, type Observed } from './drift-state.js';
import { type EquipmentFailRates, worstEquipment } from './equipment-fail-rates.js';
import { EquipmentGroups, UNNAMED } from './equipment-groups.js';
import type { DriftEvent } from './events.js';
import { KnownReference } from './known-reference.js';
import { type ReferenceBins, referenceBins } from './reference-bins.js';
import { type DriftReport, driftReport, namedWorst } from './report.js';
import type { Names } from './verdict.js';
import { groupCode, WaferBuckets } from './wafer-buckets.js';
import { DriftWindow } from './window.js';

/** How drift is measured. */
export interface DriftSettings {
  readonly windowMinutes: number;
  readonly stepMinutes: number;
  /** Counted dies below which nothing is judged. */
  readonly minimumDies: number;
}

/** A version as far as its drift needs it. */
type MonitoredVersion = Pick<ModelVersion, 'key' | 'name' | 'version' | 'manifest' | 'contract'> & {
  readonly reference: Reference;
};

/** What metrics show of a version. */
export interface DriftSummary {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly dies: number;
  readonly psiMax: number;
  readonly over: { readonly changed: number; readonly drifted: number };
  readonly worst: readonly { readonly name: string; readonly psi: number }[];
  /** The product and the equipment that drift now, in number. */
  readonly active: number;
  /** See {@link worstEquipment}. */
  readonly equipment: EquipmentFailRates | undefined;
  /** Equipment whose fail rate differs from that of the others, in number. */
  readonly failRatesDiffer: number;
}

const NO_LABEL: Partial<DieLabel> = {};

/** Drift of one version in the server process: its window, its equipment and what drifts. */
export class VersionDrift {
  readonly #version: MonitoredVersion;
  readonly #settings: DriftSettings;
  readonly #reference: ReferenceBins;
  readonly #equipment: EquipmentGroups;
  readonly #known: KnownReference;
  readonly #wafers = new WaferBuckets();
  readonly #window: DriftWindow;
  readonly #state = new DriftState();
  readonly #giveWay: () => Promise<void>;
  #assessment: Assessment | undefined;
  #assessing: Promise<Assessment> | undefined;
  // What has come while the window is being judged.
  #arrived: CountsMessage[] = [];
  #summary: DriftSummary;

  /** @param giveWay lets others have the event loop between two slices of judging */
  constructor(version: MonitoredVersion, settings: DriftSettings, giveWay: () => Promise<void>) {
    this.#version = version;
    this.#settings = settings;
    this.#giveWay = giveWay;
    this.#reference = referenceBins(version.reference);
    this.#known = new KnownReference(this.#reference);
    this.#equipment = new EquipmentGroups(version.contract.parameterCount);
    this.#window = new DriftWindow(
      version.contract.parameterCount,
      Math.round(settings.windowMinutes / settings.stepMinutes),
    );
    const nothing = {
      dies: 0,
      psiMax: 0,
      over: { changed: 0, drifted: 0 },
      worst: [],
      active: 0,
      equipment: undefined,
      failRatesDiffer: 0,
    };
    this.#summary = { modelName: version.name, modelVersion: version.version, ...nothing };
  }

  /** The group of each die and the bucket of its wafer, see `groupCode`: float32 [dies]. */
  groupsOf(labels: readonly DieLabel[]): Float32Array {
    const groups = new Float32Array(labels.length);
    for (let die = 0; die < labels.length; die++) {
      const { equipment_id, wafer_id, lot_id } = labels[die] ?? NO_LABEL;
      const group = this.#equipment.groupOf(equipment_id);
      groups[die] = groupCode(group, this.#wafers.bucketOf(group, wafer_id, lot_id));
    }
    return groups;
  }

  /**
   * Takes over what a worker has counted.
   * @throws RangeError when it is not of this version's parameters
   */
  add(message: CountsMessage): void {
    if (message.groups.length === 0) return;
    if (this.#assessing !== undefined) {
      this.#arrived.push(message);
      return;
    }
    this.#window.add(fromMessage(this.#version.contract.parameterCount, message));
    this.#assessment = undefined;
  }

  /** Judges the window at the end of a step and begins the next one; returns what started or ended. */
  async endStep(at: Date, newId: () => string): Promise<DriftEvent[]> {
    const assessment = await this.#assess();
    const { groups, enough, product } = assessment;
    const about = 'parameters';
    const observed: Observed[] = [{ about, equipmentId: undefined, judged: enough, indexes: product }];
    for (const group of groups) {
      const equipmentId = this.#equipment.idOf(group.group);
      if (equipmentId === undefined) continue;
      observed.push(
        { about, equipmentId, judged: group.enough, indexes: group.own },
        failRateObserved(group.failRate, equipmentId),
      );
    }
    const changes = this.#state.step(observed);
    this.#summary = this.#summaryOf(assessment);
    const events = changes.map((change) => this.#eventOf(change, assessment, at, newId()));
    this.#window.nextStep();
    this.#wafers.nextStep();
    this.#equipment.keep(new Set(this.#window.groups()));
    this.#assessment = undefined;
    return events;
  }

  /**
   * The full table of all dies or of one equipment.
   * @throws Refusal `invalid_input` (as a rejection) for an equipment without dies in the window
   */
  async report(at: Date, equipmentId?: string): Promise<DriftReport> {
    const assessment = await this.#assess();
    this.#summary = this.#summaryOf(assessment);
    const group = assessment.groups.find((each) => this.#equipment.idOf(each.group) === equipmentId);
    if (equipmentId !== undefined && group === undefined) {
      const known = assessment.groups.flatMap(({ group: each }) => this.#equipment.idOf(each) ?? []);
      const message = `expected equipment with dies in the window (${known.join(', ') || 'there is none'}), found "${equipmentId}"`;
      throw new Refusal('invalid_input', message, { faults: [{ path: 'equipment', message }] });
    }
    const { name: modelName, version: modelVersion } = this.#version;
    const context = {
      ...this.#settings,
      modelName,
      modelVersion,
      at,
      reference: this.#reference,
      names: this.#names,
      kindOf: (each: number) => this.#kindOf(each),
      equipmentOf: (each: number) => this.#equipment.idOf(each),
      active: this.#state.active,
    };
    return driftReport(assessment, context, equipmentId === undefined ? undefined : group);
  }

  /** What was found at the end of the last step, or by the last report: a scrape judges nothing. */
  get summary(): DriftSummary {
    return this.#summary;
  }

  #summaryOf({ all, psi, groups }: Assessment): DriftSummary {
    const enough = all.sampled >= this.#settings.minimumDies;
    const indexes = psi.map((index) => (enough ? index : 0));
    return {
      modelName: this.#version.name,
      modelVersion: this.#version.version,
      dies: all.dies,
      psiMax: largest(indexes),
      over: countOver(indexes),
      worst: namedWorst(indexes, this.#names),
      active: this.#state.active.length,
      equipment: worstEquipment(
        groups.filter(({ group }) => this.#equipment.idOf(group) !== undefined).map(({ counts }) => counts),
        this.#settings.minimumDies,
      ),
      failRatesDiffer: this.#state.active.filter(({ about }) => about === 'fail_rate').length,
    };
  }

  /** The window as it is judged; who asks meanwhile shares the answer. */
  async #assess(): Promise<Assessment> {
    if (this.#assessment !== undefined) return this.#assessment;
    // A step later, so that it is known to be under way before it begins.
    this.#assessing ??= Promise.resolve().then(() => this.#assessSlowly());
    return this.#assessing;
  }

  async #assessSlowly(): Promise<Assessment> {
    try {
      const slices = assessInSlices(this.#known, this.#window, this.#settings.minimumDies);
      for (;;) {
        const slice = slices.next();
        if (slice.done) {
          this.#assessment = slice.value;
          return slice.value;
        }
        await this.#giveWay();
      }
    } finally {
      this.#assessing = undefined;
      for (const message of this.#arrived.splice(0)) this.add(message);
    }
  }

  readonly #names: Names = {
    parameter: (index) => {
      const { parameters } = this.#version.manifest.input;
      return (typeof parameters === 'number' ? undefined : parameters[index]?.name) ?? `parameter ${index}`;
    },
    group: (group) =>
      this.#equipment.idOf(group) ??
      (group === UNNAMED ? 'the dies without equipment_id' : 'the equipment not told apart'),
  };

  #kindOf(group: number): 'equipment' | 'unnamed' | 'other' {
    if (group === UNNAMED) return 'unnamed';
    return group === this.#equipment.others ? 'other' : 'equipment';
  }

  #eventOf(
    { event, about, equipmentId, reason, indexes }: Change,
    { all, groups }: Assessment,
    at: Date,
    id: string,
  ): DriftEvent {
    const group = groups.find((each) => this.#equipment.idOf(each.group) === equipmentId);
    const counts = equipmentId === undefined ? all : group?.counts;
    const scored = (counts?.sampled ?? 0) - (counts?.unscorable ?? 0);
    return {
      event: event === 'started' ? 'drift.started' : 'drift.ended',
      event_id: id,
      at: at.toISOString(),
      model_name: this.#version.name,
      model_version: this.#version.version,
      subject: equipmentId === undefined ? 'product' : 'equipment',
      equipment_id: equipmentId ?? null,
      about,
      reason,
      psi_max: largest(indexes),
      over_0_25: countOver(indexes).drifted,
      parameters: namedWorst(indexes, this.#names),
      dies: counts?.dies ?? 0,
      fail_rate: counts !== undefined && scored > 0 ? counts.fails / scored : null,
      window_minutes: this.#settings.windowMinutes,
    };
  }
}
