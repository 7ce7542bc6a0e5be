import { z } from 'zod';

/** What DSSE says the payload of a signed model is. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** The form in which bundles are written; the other two are read. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const READ_MEDIA_TYPES: readonly string[] = [
  BUNDLE_MEDIA_TYPE,
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
];

/** A bundle, with its signature, is some kilobytes, and a few hundred for many files. */
export const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;

const base64 = z
  .string()
  .min(1)
  .regex(/^[A-Za-z0-9+/_-]+={0,2}$/, 'expected base64');

const certificate = z.looseObject({ rawBytes: base64 });

const VerificationMaterialSchema = z.looseObject({
  publicKey: z
    .looseObject({ hint: z.string().nullish(), rawBytes: z.string().nullish() })
    .refine(({ hint, rawBytes }) => (hint ?? rawBytes ?? '') !== '', { error: 'expected hint or rawBytes' })
    .optional(),
  x509CertificateChain: z.looseObject({ certificates: z.array(certificate).min(1).max(16) }).optional(),
  certificate: certificate.optional(),
});

const EnvelopeSchema = z.strictObject({
  payload: base64,
  payloadType: z.literal(PAYLOAD_TYPE, { error: `expected "${PAYLOAD_TYPE}"` }),
  // One: Sigstore's bundle allows no more, and of several nobody could say whose word counts.
  signatures: z.array(z.strictObject({ sig: base64, keyid: z.string().nullish() })).length(1),
});

/**
 * A signature file: a Sigstore bundle whose DSSE envelope holds an in-toto statement about a model, as
 * version 1.0 of the OpenSSF Model Signing specification has it (section 4).
 */
export const BundleSchema = z.strictObject({
  mediaType: z.string().refine((found) => READ_MEDIA_TYPES.includes(found), {
    error: `expected a Sigstore bundle such as "${BUNDLE_MEDIA_TYPE}"`,
  }),
  verificationMaterial: VerificationMaterialSchema,
  dsseEnvelope: EnvelopeSchema,
});

export type Bundle = z.infer<typeof BundleSchema>;

/** By what a bundle says it is to be verified. */
type SigningMaterial =
  | { readonly by: 'key'; readonly hint: string | undefined }
  /** DER, the signer's first. */
  | { readonly by: 'certificate'; readonly chain: readonly Buffer[] }
  | { readonly by: 'sigstore' };

/** @returns undefined where a bundle names no way, or more than one */
export function materialOf({ verificationMaterial }: Bundle): SigningMaterial | undefined {
  const { publicKey, x509CertificateChain: chain, certificate } = verificationMaterial;
  const named = [publicKey, chain, certificate].filter((material) => material !== undefined);
  if (named.length !== 1) return undefined;
  if (publicKey !== undefined) return { by: 'key', hint: publicKey.hint ?? undefined };
  if (chain === undefined) return { by: 'sigstore' };
  return {
    by: 'certificate',
    chain: chain.certificates.map(({ rawBytes }) => Buffer.from(rawBytes, 'base64')),
  };
}
