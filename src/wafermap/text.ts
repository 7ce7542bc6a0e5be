/**
 * Text of a lot file, fit for one line of a terminal or a page: control characters could rewrite the
 * screen (escape sequences, also the one-byte ones of Latin-1) and direction marks could reorder it.
 */
export function printable(text: string): string {
  return text
    .replace(/[\u0080-\u009f]/g, windowsCharacter)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** 0x80 to 0x9f of windows-1252: where Latin-1 has control characters, programs of that system wrote these. */
const WINDOWS_1252 =
  '\u20ac\ufffd\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\ufffd\u017d\ufffd' +
  '\ufffd\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\ufffd\u017e\u0178';

function windowsCharacter(control: string): string {
  return WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80);
}

/** Text for HTML and SVG, in content and in quoted attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A number as people read it: four significant digits, or as many as are asked for. */
export function numberText(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

/** A share as people read it; a dash where there is none. */
export function shareText(share: number | undefined): string {
  return share === undefined ? '\u2013' : `${(100 * share).toFixed(1)}%`;
}

/** A count as people read it: 20,000. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** What a wafer is called on its map. */
export function waferTitle({
  lotId,
  waferId,
}: {
  readonly lotId: string | undefined;
  readonly waferId: string | undefined;
}): string {
  const parts = [
    ...(waferId === undefined ? [] : [`Wafer ${printable(waferId)}`]),
    ...(lotId === undefined ? [] : [`lot ${printable(lotId)}`]),
  ];
  return parts.length === 0 ? 'Wafer without id' : parts.join(', ');
}
