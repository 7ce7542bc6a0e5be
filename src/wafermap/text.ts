/**
 * Text of a lot file, fit for one line of a terminal or a page: control characters could rewrite the
 * screen (escape sequences, also the one-byte ones of Latin-1) and direction marks could reorder it.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
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
