import type { Logger } from 'pino';
import type { RecordsObserver } from '../records/recorder.js';

/** What becomes of the log of records, as lines: what another system may hold as a witness, and what somebody has to mend. */
export function createRecordsLog(
  logger: Pick<Logger, 'info' | 'warn' | 'error' | 'fatal'>,
): Required<RecordsObserver> & { lost(error: unknown): void } {
  return {
    stalled(reason) {
      if (reason === undefined) logger.warn('records are written again');
      else logger.error({ reason }, 'records cannot be written');
    },
    recovered(found) {
      const { tornBytes, damaged } = found;
      if (damaged.length > 0) logger.error({ ...found }, 'records are damaged');
      else if (tornBytes > 0) logger.warn({ ...found }, 'the last process ended within a record');
      else logger.info({ ...found }, 'records of the last process');
    },
    sealed: ({ segment, records, bytes, root, checkpoint, isSigned }) =>
      logger.info({ segment, records, bytes, root, signed: isSigned, checkpoint }, 'checkpoint'),
    sealFailed: (segment, reason) => logger.error({ segment, reason }, 'a segment could not be sealed'),
    left: (segments) => logger.info({ segments }, 'records were old enough to leave'),
    missed: (records) => logger.error({ records }, 'records were left out'),
    lost: (error) => logger.fatal({ err: error }, 'nothing is recorded any more'),
  };
}
