import { expect, test } from 'vitest';
import { Fault } from '../../src/errors.js';
import { wantOfDescriptors } from '../../src/server/descriptors.js';

const opening = Object.assign(new Error('EMFILE: too many open files, open /srv/x'), { code: 'EMFILE' });
const starting = new Fault('worker_failed', [
  'a worker process did not start: it could not be reached: spawn /usr/bin/node EMFILE',
]);
const OF_THE_PROCESS =
  /^too few file descriptors \(EMFILE\): this process may open 28, expected at least 128/;

test.each([
  ['a file that could not be opened', opening, OF_THE_PROCESS],
  ['a worker that could not be started', starting, OF_THE_PROCESS],
  ['what has that for its cause', new Error('it did not start', { cause: opening }), OF_THE_PROCESS],
  [
    'a system that has none left',
    Object.assign(new Error('open'), { code: 'ENFILE' }),
    /ENFILE: fs\.file-max/,
  ],
])('a start that fails for want of descriptors says so in one line: %s', (_, error, line) => {
  expect(wantOfDescriptors(error, 28)).toMatch(line);
});

test.each([new Error('a model named EMFILED'), Object.assign(new Error('no'), { code: 'ENOENT' }), 'EMFILE'])(
  'other errors are not taken for it: %s',
  (error) => {
    expect(wantOfDescriptors(error, 28)).toBeUndefined();
  },
);
