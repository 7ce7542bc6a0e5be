import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { Fault } from '../errors.js';
import type { FlatSide } from '../wafermap/wafer-map.js';

/** Orientation of the XML formats: degrees clockwise from the bottom. */
const ORIENTATION: Readonly<Record<FlatSide, string>> = { down: '0', left: '90', up: '180', right: '270' };

export function orientationText(flat: FlatSide | undefined): string | undefined {
  return flat === undefined ? undefined : ORIENTATION[flat];
}

export function flatOfOrientation(degrees: string | undefined): FlatSide | undefined {
  const sides: readonly FlatSide[] = ['down', 'left', 'up', 'right'];
  return sides.find((side) => ORIENTATION[side] === degrees?.trim());
}

/** Attributes of an element, those that are undefined left out: ` Rows="3" Columns="4"`. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${xmlText(String(value))}"`]))
    .join('');
}

/** Text for the content of an element and for a quoted attribute. */
export function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * The root element of a document. No entity but XML's own is expanded and nothing outside of it is read.
 * @throws Fault `invalid_data` for what is not well-formed or begins otherwise
 */
export function rootOf(text: string, format: string, root: string): XmlElement {
  try {
    const found = parseXml(text).root;
    if (found !== null && localName(found) === root) return found;
    throw new Fault('invalid_data', [`${format}: the root element is ${found?.name}, expected ${root}`]);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Fault('invalid_data', [`${format}: no well-formed XML: ${reason}`], error);
  }
}

/** Elements of that name directly within one, whatever their name space's prefix. */
export function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter(
    (child): child is XmlElement => child instanceof XmlElement && localName(child) === name,
  );
}

/** The first element along a path of names; undefined where there is none. */
export function descend(element: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  return path.reduce<XmlElement | undefined>(
    (found, name) => (found === undefined ? undefined : childrenOf(found, name)[0]),
    element,
  );
}

/** A whole number of up to five digits; undefined for anything else. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text.trim()) ? Number(text) : undefined;
}

/** A positive number; undefined for anything else. */
export function positive(text: string | undefined): number | undefined {
  const value = Number(text?.trim() || Number.NaN);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function localName({ name }: XmlElement): string {
  return name.slice(name.indexOf(':') + 1);
}
