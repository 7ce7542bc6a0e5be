import { pretendWorker } from './protocol.mjs';

pretendWorker(() => process.exit(7));
