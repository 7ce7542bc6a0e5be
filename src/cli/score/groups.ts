import type { ScoredPart } from './scored-part.js';

/** Dies that have something in common. */
interface DieGroup {
  readonly name: string;
  readonly dies: readonly ScoredPart[];
}

/** Where a die was tested: head and site; site numbers restart on each head. */
export function siteOf({ part }: ScoredPart): string {
  return `${part.headNum}/${part.siteNum}`;
}

/** The tester that tested a die, by the lot's node name. */
export function equipmentOf({ label }: ScoredPart): string {
  return label.equipment_id ?? 'unknown';
}

/** The groups in the natural order of their names: site 2 before site 10. */
export function groupsOf(
  dies: readonly ScoredPart[],
  groupOf: (die: ScoredPart) => string,
): readonly DieGroup[] {
  const groups = new Map<string, ScoredPart[]>();
  for (const die of dies) {
    const name = groupOf(die);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [die]);
    else group.push(die);
  }
  const natural = new Intl.Collator('en', { numeric: true });
  return [...groups]
    .map(([name, of]) => ({ name, dies: of }))
    .sort((a, b) => natural.compare(a.name, b.name));
}
