import { known, type Lot } from '../stdf/stdf.js';

/** How large the wafers of a lot and their dies are, as far as the file says. */
export interface WaferSize {
  /** Step from die to die in mm. */
  readonly step: { readonly x: number; readonly y: number } | undefined;
  readonly diameterMm: number | undefined;
}

/** WF_UNITS: 1 inch, 2 cm, 3 mm, 4 mil. */
const MM: ReadonlyMap<number | undefined, number> = new Map([
  [1, 25.4],
  [2, 10],
  [3, 1],
  [4, 0.0254],
]);

/** What the WCR says; nothing where its units or its sizes are missing. */
export function waferSizeOf({ wcr }: Lot): WaferSize {
  const mm = MM.get(wcr && known(wcr, 'wfUnits'));
  const size = (value: number | undefined) =>
    mm !== undefined && value !== undefined && value > 0 && Number.isFinite(value)
      ? Number((value * mm).toFixed(4))
      : undefined;
  const [x, y] = [size(wcr && known(wcr, 'dieWid')), size(wcr && known(wcr, 'dieHt'))];
  return {
    step: x === undefined || y === undefined ? undefined : { x, y },
    diameterMm: size(wcr && known(wcr, 'wafrSiz')),
  };
}
