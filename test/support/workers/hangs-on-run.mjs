import { pretendWorker } from './protocol.mjs';

pretendWorker(() => {});
