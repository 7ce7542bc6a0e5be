/**
 * A time of an STDF file: seconds since 1970 of the tester's own clock, whose zone nobody recorded. So it is
 * ISO 8601 without a zone, and not to be compared between testers.
 * @returns `2001-11-30T14:05:09`; null for 0, which is "not set"
 */
export function testerTime(seconds: number | undefined): string | null {
  if (seconds === undefined || seconds === 0) return null;
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}
