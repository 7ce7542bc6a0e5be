import { z } from 'zod';
import { Fault } from '../errors.js';

/** The format that this diegate writes, and the newest that it reads. */
export const BACKUP_FORMAT = 1;

/** Name of the index: always the first entry of an archive. */
export const INDEX_NAME = 'index.json';

/** The repository's files lie under this folder of the archive, so that none can be taken for the index. */
export const FILES_FOLDER = 'repository/';

/** Largest index that is read, in bytes; about a hundred thousand files. */
export const MAX_INDEX_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 100_000;
const MAX_PATH_LENGTH = 512;

/**
 * A path within the repository: relative, "/" between its parts, each part a plain name that does not begin
 * with a dot. What a person could not type and what leads out of the folder is no path here.
 */
export const BackupPathSchema = z
  .string()
  .max(MAX_PATH_LENGTH)
  .regex(/^[^/\\.\p{Cc}][^/\\\p{Cc}]*(\/[^/\\.\p{Cc}][^/\\\p{Cc}]*)*$/u, {
    error: 'expected a relative path of plain names, such as "die-defect/1/model.onnx"',
  });

const FileSchema = z.strictObject({
  path: BackupPathSchema,
  size: z.int().min(0).describe('Bytes'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
});

/** One file of a backup. */
export type BackupFile = z.infer<typeof FileSchema>;

const BackupIndexSchema = z.strictObject({
  format: z.literal(BACKUP_FORMAT),
  toolVersion: z.string().describe('diegate version that made it'),
  created: z.iso.datetime(),
  files: z
    .array(FileSchema)
    .max(MAX_FILES)
    .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, {
      error: 'expected every path once',
    })
    .describe('In the order in which they lie in the archive'),
});

/** What an archive holds, and how to tell that it holds it whole. */
export type BackupIndex = z.infer<typeof BackupIndexSchema>;

/**
 * Reads the index of an archive.
 * @throws Fault `invalid_backup` when it is not one, or one of a newer format
 */
export function parseIndex(archive: string, text: string): BackupIndex {
  const content = parseJson(archive, text);
  const { format } = z.looseObject({ format: z.unknown() }).catch({ format: undefined }).parse(content);
  if (typeof format === 'number' && format > BACKUP_FORMAT) {
    throw new Fault('invalid_backup', [
      `${archive} has format ${format}, this diegate reads formats up to ${BACKUP_FORMAT}: use the version that made it, or a newer one`,
    ]);
  }
  const index = BackupIndexSchema.safeParse(content);
  if (index.success) return index.data;
  const problems = index.error.issues.slice(0, 20).map(({ path, message }) => {
    return `${archive}: ${INDEX_NAME}: ${path.join('.') || 'the whole'}: ${message}`;
  });
  throw new Fault('invalid_backup', problems, index.error);
}

function parseJson(archive: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault('invalid_backup', [`${archive}: ${INDEX_NAME} is not JSON`], error);
  }
}

/** Bytes of all files of an index together. */
export function totalBytes({ files }: Pick<BackupIndex, 'files'>): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
