import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
import { schemaProblems } from '../schema-faults.js';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';
/** Of the first public release of the reference implementation; read, never written. */
const OLD_PREDICATE_TYPE = 'https://model_signing/Digests/v0.1';

/** Paths at the root of a model that no signature covers (OMS 1.0, section 6.2). */
export const ALWAYS_IGNORED: readonly string[] = ['.git', '.gitattributes', '.github', '.gitignore'];

/** Hashes that are computed here; the specification allows blake3 too, which Node does not have. */
const HASH_TYPES = ['sha256', 'blake2b'] as const;
export type HashType = (typeof HASH_TYPES)[number];

const hex = z.string().regex(/^([0-9a-f]{2})+$/, 'expected lower-case hex digits');
const hashType = z.enum(HASH_TYPES, { error: `expected ${HASH_TYPES.join(' or ')}` });
const resource = z.looseObject({ name: z.string().min(1), digest: hex, algorithm: z.string() });

const SerializationSchema = z.looseObject({
  method: z.enum(['files', 'shards']),
  hash_type: hashType,
  shard_size: z.int().min(1).optional(),
  allow_symlinks: z.boolean(),
  ignore_paths: z.array(z.string().min(1)).optional(),
});

const StatementSchema = z
  .looseObject({
    _type: z.literal(STATEMENT_TYPE, { error: `expected "${STATEMENT_TYPE}"` }),
    subject: z
      .array(z.looseObject({ name: z.string().min(1), digest: z.looseObject({ sha256: hex }) }))
      .length(1),
    predicateType: z.literal(PREDICATE_TYPE, { error: `expected "${PREDICATE_TYPE}"` }),
    predicate: z.looseObject({
      resources: z.array(resource).min(1).max(1_000_000),
      serialization: SerializationSchema,
    }),
  })
  .superRefine(({ subject: [subject], predicate: { resources, serialization } }, context) => {
    if (serialization.method === 'shards' && serialization.shard_size === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['predicate', 'serialization', 'shard_size'],
        message: 'expected beside the method "shards", found nothing',
      });
    }
    // The reference implementation (model-signing 1.1.1) writes the second for shards, the specification the first.
    const names = [serialization.hash_type, `${serialization.hash_type}-sharded-${serialization.shard_size}`];
    const other = resources.find(({ algorithm }) => !names.includes(algorithm));
    if (other !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['predicate', 'resources'],
        message: `expected every digest to be ${serialization.hash_type}, found ${other.algorithm} for "${other.name}"`,
      });
    }
    const root = rootDigest(resources.map(({ digest }) => digest));
    if (subject !== undefined && subject.digest.sha256 !== root) {
      context.addIssue({
        code: 'custom',
        path: ['subject'],
        message: `expected the digest of the resources, ${root}, found ${subject.digest.sha256}`,
      });
    }
  })
  .transform(
    ({
      predicate: { resources, serialization },
    }): Omit<SignedFiles, 'digests'> & { resources: typeof resources } => ({
      hashType: serialization.hash_type,
      shardBytes: serialization.method === 'shards' ? serialization.shard_size : undefined,
      followsLinks: serialization.allow_symlinks,
      ignored: serialization.ignore_paths ?? [],
      isOld: false,
      resources,
    }),
  );

const OldStatementSchema = z
  .looseObject({
    _type: z.literal(STATEMENT_TYPE),
    subject: z
      .array(z.looseObject({ name: z.string().min(1), digest: z.looseObject({ sha256: hex }) }))
      .min(1),
    predicateType: z.literal(OLD_PREDICATE_TYPE),
  })
  .transform(({ subject }) => ({
    hashType: 'sha256' as const,
    shardBytes: undefined,
    followsLinks: false,
    ignored: [],
    isOld: true,
    resources: subject.map(({ name, digest }) => ({ name, digest: digest.sha256 })),
  }));

/** The files of a model as a signature states them. */
export interface SignedFiles {
  readonly hashType: HashType;
  /** Bytes of one shard, where a file is hashed in pieces; undefined where each is hashed whole. */
  readonly shardBytes: number | undefined;
  /** Whether links were followed, and are now. */
  readonly followsLinks: boolean;
  /** Paths from the root that the signature leaves out, besides those of {@link ALWAYS_IGNORED}. */
  readonly ignored: readonly string[];
  /** Digests in hex by name: the path from the root, with `:start:end` behind it for a shard. */
  readonly digests: ReadonlyMap<string, string>;
  /** Whether it is a statement of 2024's form, before 1.0. */
  readonly isOld: boolean;
}

/**
 * Reads a statement about a model.
 * @param payload what was signed, JSON
 * @returns the files, or one line for each thing that is wrong
 */
export function readStatement(payload: Buffer): SignedFiles | string[] {
  let content: unknown;
  try {
    content = JSON.parse(payload.toString('utf8'));
  } catch {
    return ['the signed statement is not JSON'];
  }
  const isOld = z.looseObject({ predicateType: z.literal(OLD_PREDICATE_TYPE) }).safeParse(content).success;
  const read = (isOld ? OldStatementSchema : StatementSchema).safeParse(content);
  if (!read.success) {
    return schemaProblems(content, read.error.issues).map((problem) => `the signed statement: ${problem}`);
  }
  const { resources, ...signed } = read.data;
  const digests = new Map(resources.map(({ name, digest }) => [name, digest]));
  const problems = resources
    .filter(({ name }) => !isCanonical(name))
    .map(
      ({ name }) => `the signed statement names ${JSON.stringify(name)}, expected a path within the model`,
    );
  if (digests.size < resources.length) problems.push('the signed statement names a file twice');
  return problems.length > 0 ? problems : { ...signed, digests };
}

/** A path from the root that leads nowhere else (section 6.1.2); "." is how a single file was once named. */
function isCanonical(name: string): boolean {
  return name === '.' || (posix.normalize(name) === name && !/^(\/|\.\.(\/|$))|\/$|\0/.test(name));
}

/**
 * The statement about a model's files, as JSON.
 * @param name of the model: informative only
 * @param digests SHA-256 of each file in hex, by path from the root
 */
export function writeStatement(
  name: string,
  digests: ReadonlyMap<string, string>,
  ignored: readonly string[],
): Buffer {
  const resources = [...digests]
    // By code points, which JavaScript's own order of strings is not.
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([path, digest]) => ({ name: path, algorithm: 'sha256', digest }));
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256: rootDigest(resources.map(({ digest }) => digest)) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: [...new Set([...ALWAYS_IGNORED, ...ignored])].sort(),
      },
      resources,
    },
  };
  return Buffer.from(JSON.stringify(statement, undefined, 2));
}

/** SHA-256 over the digests' bytes, in their order (section 6.5.1). */
function rootDigest(digests: readonly string[]): string {
  const hash = createHash('sha256');
  for (const digest of digests) hash.update(digest, 'hex');
  return hash.digest('hex');
}
