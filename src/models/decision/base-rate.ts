/** Share of failing dies, above 0 and below 1, that a version's confidences are right for. */
export interface BaseRate {
  /** That of the dies that the version was made from; undefined where nobody says, or the calibration is nominal. */
  readonly trainedAt: number | undefined;
  /** That which its confidences are right for now; undefined where `trainedAt` is. */
  readonly inForce: number | undefined;
}

/**
 * What is added to the log-odds of failing when failing dies are as frequent as `to` says and not as `from`: the scores
 * of good and of failing dies stay what they are, only how many there are of each changes (Elkan 2001; Saerens, Latinne
 * and Decaestecker 2002).
 */
export function priorShift({ trainedAt, inForce }: BaseRate): number {
  return trainedAt === undefined || inForce === undefined ? 0 : logOdds(inForce) - logOdds(trainedAt);
}

/** A probability, 0 to 1, with `shift` added to its log-odds. */
export function shiftedProbability(probability: number, shift: number): number {
  const odds = probability * Math.exp(shift);
  return odds / (odds + (1 - probability));
}

function logOdds(share: number): number {
  return Math.log(share / (1 - share));
}
