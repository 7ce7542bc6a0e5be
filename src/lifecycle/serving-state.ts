import { Refusal } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { Serving } from '../models/repository/serving.js';
import { writeServing } from '../models/repository/write-serving.js';

/** What serving.json says, in the catalogue and on disk: changed in both or in neither. */
export class ServingState {
  readonly #file: string;
  readonly #catalogue: Catalogue;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: string, catalogue: Catalogue) {
    this.#file = file;
    this.#catalogue = catalogue;
  }

  get file(): string {
    return this.#file;
  }

  /**
   * Changes what is served: `change` is given the state as it is when its turn comes, the file is replaced,
   * and then the catalogue follows.
   * @param change may throw a Refusal, which leaves everything as it is
   * @throws Refusal `state_not_saved` when the file cannot be written
   */
  change(change: (serving: Serving) => Serving): Promise<Serving> {
    return this.inTurn(async () => {
      const before = this.#catalogue.serving;
      const after = change(before);
      // A model that is changed is understood from now on.
      const isSame = (name: string) => after.models[name] === before.models[name];
      const faulty = new Map([...this.#catalogue.faulty].filter(([name]) => isSame(name)));
      try {
        await writeServing(this.#file, after, faulty);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
        const detail = `serving.json cannot be written (${code}); nothing was changed`;
        throw new Refusal('state_not_saved', detail, { cause: error });
      }
      this.#catalogue.serve({ serving: after, faulty });
      return after;
    });
  }

  /** Does something while nobody else changes what is served, nor takes down what is served. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    // A failure is its caller's; the next one's turn comes all the same.
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
