/** One element of an accept or accept-encoding header. */
interface Accepted {
  /** In lower case, such as `text/*` or `gzip`. */
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** What it is worth, 0 (refused) to 1. */
  readonly weight: number;
}

/**
 * What a media type is worth to whoever sent an `accept` header (RFC 9110, section 12.5.1): the weight of the most
 * specific range that holds it, 0 where none does; 1 for everything without the header. Of an element's parameters
 * only those count that the type has as well: an `escaping` or `charset` asks for no other format.
 * @param version which the element has to name, if it names any
 */
export function mediaWeight(accept: string | undefined, type: string, version: string): number {
  if (accept === undefined) return 1;
  const [main = ''] = type.split('/', 1);
  const elements = elementsOf(accept);
  for (const range of [type, `${main}/*`, '*/*']) {
    const weights = elements
      .filter(({ name, parameters }) => name === range && (parameters.get('version') ?? version) === version)
      .map(({ weight }) => weight);
    if (weights.length > 0) return Math.max(...weights);
  }
  return 0;
}

/** Whether an `accept-encoding` header asks for a coding by its name, or for any (RFC 9110, section 12.5.3). */
export function isCodingAsked(acceptEncoding: string | undefined, coding: string): boolean {
  const elements = elementsOf(acceptEncoding ?? '');
  const weightOf = (wanted: string) => elements.find(({ name }) => name === wanted)?.weight;
  const weight = weightOf(coding) ?? weightOf('*') ?? 0;
  return weight > 0 && weight >= (weightOf('identity') ?? 0);
}

function elementsOf(header: string): Accepted[] {
  // A comma or semicolon within quotes is none of the list's.
  const split = (text: string, separator: string) =>
    (text.match(new RegExp(`(?:"(?:\\\\.|[^"\\\\])*"|[^"${separator}])+`, 'g')) ?? []).map((part) =>
      part.trim(),
    );
  return split(header, ',').map((element) => {
    const [name = '', ...rest] = split(element, ';');
    const parameters = new Map(
      rest.map((parameter): [string, string] => {
        const [key = '', value = ''] = parameter.split('=', 2);
        return [key.trim().toLowerCase(), value.trim().replaceAll(/^"|"$/g, '')];
      }),
    );
    const weight = parameters.get('q');
    return { name: name.toLowerCase(), parameters, weight: weight === undefined ? 1 : readWeight(weight) };
  });
}

/** What is no weight asks for nothing. */
function readWeight(text: string): number {
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
