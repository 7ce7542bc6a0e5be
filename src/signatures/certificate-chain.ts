import { X509Certificate } from 'node:crypto';
import { X509Certificate as Extensions } from '@sigstore/core';

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const MAX_DEPTH = 8;

/** Key usage, subject and issuer names, basic constraints, key identifiers, extended key usage: read or harmless. */
const UNDERSTOOD = [
  '2.5.29.14',
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.18',
  '2.5.29.19',
  '2.5.29.35',
  '2.5.29.37',
];

/**
 * Holds a signer's certificate against the authorities that are trusted (RFC 5280, section 6, as far as
 * signing models needs it: names, signatures, times, who may issue, what the key is for; no revocation).
 * @param chain the signer's certificate, and others by which an authority may be reached, DER
 * @param now milliseconds since 1970
 * @returns the signer's certificate, or why it is not trusted, in one line
 */
export function trustedSigner(
  chain: readonly Buffer[],
  authorities: readonly X509Certificate[],
  now: number,
): X509Certificate | string {
  let certificates: X509Certificate[];
  try {
    certificates = chain.map((der) => new X509Certificate(der));
  } catch {
    return 'the signature holds a certificate that cannot be read';
  }
  const [signer, ...others] = certificates;
  if (signer === undefined) return 'the signature holds no certificate';
  const fault = unfitForSigning(signer) ?? pathFault(signer, others, authorities, now);
  return fault ?? signer;
}

function pathFault(
  signer: X509Certificate,
  others: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
): string | undefined {
  let current = signer;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const fault = faultOfOne(current, depth, now);
    if (fault !== undefined) return fault;
    if (authorities.some(({ raw }) => raw.equals(current.raw))) return undefined;
    const issuer = issuerOf(current, authorities) ?? issuerOf(current, others);
    if (issuer === undefined || issuer.raw.equals(current.raw)) {
      return `${nameOf(current)} was issued by ${oneLine(current.issuer)}, which is none of the trusted authorities (${authorities.map(nameOf).join('; ') || 'there are none'})`;
    }
    current = issuer;
  }
  return `the chain of ${nameOf(signer)} is longer than ${MAX_DEPTH} certificates`;
}

/** @param depth certificates below it, the signer's included */
function faultOfOne(certificate: X509Certificate, depth: number, now: number): string | undefined {
  const name = nameOf(certificate);
  if (now > Date.parse(certificate.validTo)) return `${name} has expired, on ${certificate.validTo}`;
  if (now < Date.parse(certificate.validFrom))
    return `${name} is not valid yet, but from ${certificate.validFrom}`;
  const { extensions, extBasicConstraints, isCA } = Extensions.parse(Buffer.from(certificate.raw));
  const strange = extensions
    .map((extension) => extension.subs[0]?.toOID() ?? '')
    .find((oid) => !UNDERSTOOD.includes(oid) && isCritical(certificate, oid));
  if (strange !== undefined)
    return `${name} has the critical extension ${strange}, which is not understood here`;
  if (depth === 0) return undefined;
  if (!isCA) return `${name} is no authority: it may not issue certificates`;
  const { pathLenConstraint } = extBasicConstraints ?? {};
  if (pathLenConstraint !== undefined && pathLenConstraint < depth - 1)
    return `${name} may have ${pathLenConstraint} authorities below it, found ${depth - 1}`;
  return undefined;
}

function isCritical(certificate: X509Certificate, oid: string): boolean {
  return Extensions.parse(Buffer.from(certificate.raw)).extension(oid)?.critical === true;
}

function issuerOf(
  certificate: X509Certificate,
  among: readonly X509Certificate[],
): X509Certificate | undefined {
  return among.find((other) => certificate.checkIssued(other) && certificate.verify(other.publicKey));
}

function unfitForSigning(certificate: X509Certificate): string | undefined {
  const { extKeyUsage } = Extensions.parse(Buffer.from(certificate.raw));
  // Node calls extended key usage keyUsage.
  if (extKeyUsage?.digitalSignature === true || certificate.keyUsage?.includes(CODE_SIGNING))
    return undefined;
  return `${nameOf(certificate)} is not for signing: neither the key usage digitalSignature nor code signing`;
}

/** A certificate's subject, for people. */
export function nameOf({ subject }: X509Certificate): string {
  return `certificate "${oneLine(subject)}"`;
}

function oneLine(name: string): string {
  return name.split('\n').join(', ');
}
