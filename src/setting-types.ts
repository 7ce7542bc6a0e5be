import { isIP } from 'node:net';
import { z } from 'zod';

/** A whole number in an environment variable. */
export function whole(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, {
      error: ({ input }) => `expected a whole number from ${min} to ${max}, found "${input}"`,
    })
    .transform(Number)
    .refine((n) => n >= min && n <= max, {
      error: ({ input }) => `expected a whole number from ${min} to ${max}, found ${String(input)}`,
    });
}

/** A number from 0 to 1 in an environment variable. */
export const share = z
  .string()
  .regex(/^(0|1|0?\.\d{1,9}|1\.0{1,9})$/, {
    error: ({ input }) => `expected a number from 0 to 1, found "${input}"`,
  })
  .transform(Number);

/** Of which dies the measurement itself is kept with their records. */
export const keptInputs = z.string().transform((text, context) => {
  if (text === 'none' || text === 'fails' || text === 'all') return text;
  const sampled = /^sample:(.*)$/.exec(text);
  const parsed = share.safeParse(sampled?.[1] ?? '');
  if (parsed.success) return { share: parsed.data };
  context.addIssue(`expected none, fails, all or sample: and a number from 0 to 1, found "${text}"`);
  return z.NEVER;
});

/** One of a few words in an environment variable. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return z.enum(words, {
    error: ({ input }) => `expected one of ${words.join(', ')}, found "${String(input)}"`,
  });
}

/** Items separated by commas in an environment variable. */
export function list(isItem: (text: string) => boolean, expected: string) {
  return z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .superRefine((items, context) => {
      for (const item of items.filter((text) => !isItem(text))) {
        context.addIssue({ code: 'custom', message: `expected ${expected}, found "${item}"` });
      }
    });
}

export function isPath(text: string): boolean {
  return text !== '';
}

/** Scheme, host and port as a browser sends them, with nothing behind. */
export function isOrigin(text: string): boolean {
  return /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

export function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A path, or any other text, that may be left out. */
export const text = z.string().min(1).optional();
/** An address that events are posted to. */
export const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    error: ({ input }) => `expected an http or https URL, found "${String(input)}"`,
  });

/** A base URL that paths can be appended to. A password has no place in it, so one is never echoed either. */
export const collectorUrl = z.string().refine(
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && !/[@?#]/.test(text);
  },
  {
    error: ({ input }) => {
      const found = typeof input === 'string' && !input.includes('@') ? `"${input}"` : 'one with an @';
      return `expected an http or https URL without user, query and fragment, found ${found}`;
    },
  },
);

/** `name=value,name=value` with percent-encoded values, as OpenTelemetry writes headers; never echoed. */
export const headerList = z.string().transform((text, context) => {
  const pairs = text.split(',').map((pair) => /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*([!-~]*)\s*$/.exec(pair));
  try {
    return Object.fromEntries(
      pairs.map((pair): [string, string] => {
        const value = decodeURIComponent(pair?.[2] ?? '%');
        if (!/^[\x20-\x7e]*$/.test(value)) throw new URIError('a header is printable ASCII');
        return [(pair?.[1] ?? '').toLowerCase(), value];
      }),
    );
  } catch {
    context.addIssue('expected name=value pairs with percent-encoded values, separated by commas');
    return z.NEVER;
  }
});
