import { type DieKey, dieKeyText } from './die-key.js';
import type { GateRecord } from './record.js';

/** One record of a die in the words of somebody who has to judge what was done. */
interface StoryPart {
  /** When, ISO 8601 UTC. */
  readonly at: string;
  /** What happened, as one sentence. */
  readonly what: string;
  /** By whom, by what and why: what is known, in the order of interest. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly sequence: number;
}

/** What is known of a die. */
interface DieStory {
  readonly die: string;
  /** The last word: what the gate says of the die today. */
  readonly verdict: string;
  readonly parts: readonly StoryPart[];
}

/**
 * Who judged this die, when, by what, why, and what it turned out to be.
 * @param die as it was asked for
 * @param records of it, in their order
 */
export function storyOf(die: string, records: readonly GateRecord[]): DieStory {
  return { die, verdict: verdictOf(records), parts: records.map(partOf) };
}

function verdictOf(records: readonly GateRecord[]): string {
  const judged = records.filter(({ kind }) => kind === 'prediction');
  const [last] = judged.slice(-1);
  if (last === undefined)
    return records.length === 0 ? 'There is no record of this die.' : 'It was never judged.';
  const passed = new Set(judged.map(({ prediction }) => prediction));
  const times =
    judged.length === 1
      ? 'once'
      : `${judged.length} times, ${passed.size === 1 ? 'always alike' : 'not always alike'}`;
  const outcome = records.filter(({ kind }) => kind === 'outcome').at(-1)?.code;
  const turned =
    outcome === undefined ? 'What it turned out to be is not recorded.' : `It turned out to be ${outcome}.`;
  return `It was judged ${times}, last as ${last.prediction} by version ${last.version} of ${last.model}. ${turned}`;
}

function partOf(record: GateRecord): StoryPart {
  const { sequence, time } = record;
  const known: [string, string | number | undefined][] = [
    ['score', record.score],
    ['confidence', record.confidence === undefined ? undefined : `${(record.confidence * 100).toFixed(2)}%`],
    ['fallback', record.fallback],
    ['die', record.dieId],
    ['place', placeOf(record)],
    ['equipment', record.equipment],
    ['STDF file', record.stdfFile],
    ['SHA-256 of the model', record.modelSha256],
    ['SHA-256 of the measurement', record.rowSha256],
    ['caller', record.keyId],
    ['door', record.door],
    ['request', record.requestId],
    ['trace', record.traceId],
    ['took', tookOf(record)],
    ['said', record.detail],
  ];
  return {
    sequence,
    at: new Date(time).toISOString(),
    what: sentenceOf(record),
    facts: known.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const])),
  };
}

function sentenceOf({ kind, prediction, model, version, code }: GateRecord): string {
  const by = model === undefined ? '' : ` by version ${version} of ${model}`;
  switch (kind) {
    case 'prediction':
      return `Judged ${prediction}${by}`;
    case 'refusal':
      return `Refused: ${code}`;
    case 'repeat':
      return `Sent again, and given the answer that it had: ${prediction}${by}`;
    case 'outcome':
      return `Turned out to be ${code}`;
    case 'review':
      return 'Offered for review';
    default:
      return kind;
  }
}

function placeOf({ lot, wafer, x, y, insertion, touchdown }: GateRecord): string | undefined {
  if (wafer === undefined || x === undefined || y === undefined) return wafer ?? lot;
  return dieKeyText({ lot, wafer, x, y, insertion, touchdown } satisfies DieKey);
}

function tookOf({ latencyMs, queueMs, runMs }: GateRecord): string | undefined {
  if (latencyMs === undefined) return undefined;
  const of =
    queueMs === undefined
      ? ''
      : `, of which ${queueMs.toFixed(2)} ms queue and ${(runMs ?? 0).toFixed(2)} ms model`;
  return `${latencyMs.toFixed(2)} ms${of}`;
}

/** A story for a terminal. */
export function storyText({ die, verdict, parts }: DieStory): string {
  const lines = parts.map(({ at, what, facts, sequence }) =>
    [
      `${at}  ${what}  (record ${sequence})`,
      ...facts.map(([name, value]) => `    ${name.padEnd(28)}${value}`),
    ].join('\n'),
  );
  return `${[`Die ${die}`, verdict, ...lines].join('\n\n')}\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}

/** A story as a page without a script and without a style: it can be printed and filed. */
export function storyHtml({ die, verdict, parts }: DieStory): string {
  const sections = parts.map(
    ({ at, what, facts, sequence }) => `<section>
<h2>${escaped(what)}</h2>
<p><time datetime="${at}">${at}</time>, record ${sequence}</p>
<table>
${facts.map(([name, value]) => `<tr><th scope="row" align="left">${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('\n')}
</table>
</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Die ${escaped(die)}</title></head>
<body>
<h1>Die ${escaped(die)}</h1>
<p>${escaped(verdict)}</p>
${sections.join('\n')}
</body>
</html>
`;
}
