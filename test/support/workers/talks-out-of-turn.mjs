import { pretendWorker } from './protocol.mjs';

pretendWorker((channel) => channel.send({ type: 'closed', key: 'something else' }));
