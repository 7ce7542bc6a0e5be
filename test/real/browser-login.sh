#!/usr/bin/env bash
# A real browser logs in to /docs and /metrics with a key as the password, and sees the routes. Needs Chromium (Debian's
# package; installed here where that is possible) and the npm registry; about half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  if ! command -v chromium >/dev/null; then
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
      apt-get install -y -qq --no-install-recommends chromium >/dev/null; } ||
      { echo "skipped: it needs chromium"; exit 0; }
  fi
  exec test/real/with-server.sh test/real/browser-login.sh --with-server
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "type": "module", "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts --save-exact playwright-core@1.65.1
cat >login.js <<'END'
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { DIEGATE_HOST, DIEGATE_READER_KEY: password = '' } = process.env;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });

/** A page of a visitor who answers the browser's question for a password, or closes it. */
async function visit(path, httpCredentials) {
  const context = await browser.newContext(httpCredentials === undefined ? {} : { httpCredentials });
  const page = await context.newPage();
  const response = await page.goto(`http://${DIEGATE_HOST}${path}`);
  return { page, status: response?.status() };
}

const known = { username: 'anybody', password };
// Who closes the question, or answers it wrongly, sees nothing.
for (const credentials of [undefined, { username: 'anybody', password: 'wrong' }]) {
  const stranger = await visit('/docs', credentials).catch(({ message }) => ({ message }));
  assert.ok(stranger.status === 401 || /ERR_INVALID_AUTH_CREDENTIALS/.test(stranger.message ?? ''), stranger.message);
}

const { page, status } = await visit('/docs', known);
assert.equal(status, 200, 'the browser was asked for a password, and sent it');
await page.waitForSelector('.opblock', { timeout: 20_000 });
const operations = await page.locator('.opblock').count();
assert.ok(operations > 30, `${operations} operations are shown`);
const shown = await page.locator('.opblock-summary-path').allInnerTexts();
assert.ok(shown.some((path) => path.replaceAll('\u200b', '') === '/predict'), shown.join(' '));

// What needs reading only can be tried out with the browser's own password.
const models = page.locator('.opblock', { has: page.locator('[data-path="/models"]') }).first();
await models.locator('.opblock-summary').click();
await models.locator('.execute').click();
const answer = models.locator('.live-responses-table .response-col_status');
await answer.first().waitFor({ timeout: 20_000 });
assert.match((await answer.allInnerTexts()).join(' '), /200/);

const metrics = await visit('/metrics', known);
assert.equal(metrics.status, 200);
assert.match(await metrics.page.locator('body').innerText(), /# HELP/);
await browser.close();
console.log(`a browser (${browser.version()}) logs in and sees ${operations} operations`);
END
node login.js
