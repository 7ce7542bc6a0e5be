// Preloaded into a process: at its end it writes the paths of all CommonJS modules that were loaded, whether
// by require or by import. (All of OpenTelemetry's packages are CommonJS in Node.)
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

process.on('exit', () => {
  const folder = process.env.LOADED_MODULES_FOLDER;
  writeFileSync(join(folder, String(process.pid)), Object.keys(require.cache).join('\n'));
});
