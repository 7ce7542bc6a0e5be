/** Most equipment that is told apart. */
export const MAX_EQUIPMENT = 32;
// Counts of one group and step take about 60 bytes a parameter; very wide models tell fewer apart.
const MAX_GROUP_PARAMETERS = 131_072;

/** The group of dies that name no equipment. */
export const UNNAMED = 0;

/**
 * Numbers for equipment ids, so that a worker can count by a small index. Group 0 are the dies that name
 * no equipment, the last one those of equipment beyond the bound: ids are the caller's words, and a caller
 * that makes up new ones must not grow the tables.
 */
export class EquipmentGroups {
  /** Groups in all, with the two special ones. */
  readonly groups: number;
  readonly #groupOf = new Map<string, number>();
  readonly #idOf: (string | undefined)[];

  constructor(parameters: number) {
    const told = Math.min(MAX_EQUIPMENT, Math.max(1, Math.floor(MAX_GROUP_PARAMETERS / parameters)));
    this.groups = told + 2;
    this.#idOf = new Array<string | undefined>(this.groups).fill(undefined);
  }

  /** The group of an equipment, which gets a number at its first die if one is free. */
  groupOf(equipmentId: string | null | undefined): number {
    if (equipmentId === null || equipmentId === undefined) return UNNAMED;
    const known = this.#groupOf.get(equipmentId);
    if (known !== undefined) return known;
    if (this.#groupOf.size >= this.groups - 2) return this.others;
    const free = this.#idOf.indexOf(undefined, 1);
    this.#groupOf.set(equipmentId, free);
    this.#idOf[free] = equipmentId;
    return free;
  }

  /** The group of equipment that has no number of its own. */
  get others(): number {
    return this.groups - 1;
  }

  /** The equipment of a group; undefined for the two special ones and for a free number. */
  idOf(group: number): string | undefined {
    return this.#idOf[group];
  }

  /** Frees the numbers of equipment that sent no die for a whole window. */
  keep(inUse: ReadonlySet<number>): void {
    for (const [id, group] of this.#groupOf) {
      if (inUse.has(group)) continue;
      this.#groupOf.delete(id);
      this.#idOf[group] = undefined;
    }
  }
}
