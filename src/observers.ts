/**
 * Tells every observer of something that has happened. A fault of one reaches neither the others nor whoever
 * tells: an observer can neither fail a die nor keep a worker from being replaced.
 */
export function tellEach<O>(
  observers: readonly O[],
  tell: (observer: O) => void,
  onError: (error: unknown) => void,
): void {
  for (const observer of observers) {
    try {
      tell(observer);
    } catch (error) {
      onError(error);
    }
  }
}
