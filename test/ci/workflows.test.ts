import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateWorkflow } from '@action-validator/core';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.js';
import { REPOSITORY_ROOT } from '../support/server-process.js';

const FOLDER = join(REPOSITORY_ROOT, '.github/workflows');

const StepSchema = z.looseObject({
  name: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const WorkflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  concurrency: z.looseObject({ group: z.string() }),
  jobs: z.record(
    z.string(),
    z.looseObject({
      'timeout-minutes': z.number(),
      needs: z.string().optional(),
      environment: z.string().optional(),
      permissions: z.record(z.string(), z.string()).optional(),
      strategy: z.looseObject({ matrix: z.record(z.string(), z.array(z.unknown())) }).optional(),
      steps: z.array(StepSchema),
    }),
  ),
});
const PackageSchema = z.looseObject({ scripts: z.record(z.string(), z.string()) });

const read = (file: string) => readFileSync(join(REPOSITORY_ROOT, file), 'utf8');
const workflows = readdirSync(FOLDER)
  .sort()
  .map((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    return { file, text, workflow: WorkflowSchema.parse(parse(text)) };
  });
const byName = (name: string) =>
  workflows.find(({ file }) => file === name)?.workflow ?? expect.fail(`there is no ${name}`);
const stepsOf = ({ jobs }: z.infer<typeof WorkflowSchema>) =>
  Object.values(jobs).flatMap(({ steps }) => steps);
const scriptsOf = ({ workflow }: (typeof workflows)[number]) =>
  stepsOf(workflow).flatMap(({ run }) => (run === undefined ? [] : [run]));

/** GitHub's way to write an expression. */
const expression = (text: string) => `\${{ ${text} }}`;

it('there are workflows for changes, for the image and for its deployment', () => {
  expect(workflows.map(({ file }) => file)).toEqual(['ci.yml', 'deploy.yml', 'image.yml']);
});

describe.each(workflows)('$file', (entry) => {
  const { text, workflow } = entry;

  it("is a workflow by GitHub's schema", () => {
    expect(validateWorkflow(text).errors).toEqual([]);
  });

  it('pins every action to a commit and tells its version', () => {
    const lines = text.split('\n').filter((line) => /\buses:/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may only read, but for the job that publishes the image', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const [name, { permissions }] of Object.entries(workflow.jobs)) {
      if (permissions === undefined) continue;
      expect([name, permissions]).toEqual(['publish', { contents: 'read', packages: 'write' }]);
    }
  });

  it('bounds every job in time, and keeps no token in the working copy', () => {
    for (const { 'timeout-minutes': minutes } of Object.values(workflow.jobs))
      expect(minutes).toBeLessThanOrEqual(30);
    for (const step of stepsOf(workflow)) {
      if (step.uses?.startsWith('actions/checkout@'))
        expect(step.with).toEqual({ 'persist-credentials': false });
    }
  });

  it('gives what a person typed to a script as a variable, never as part of the script', () => {
    const inserted = scriptsOf(entry).flatMap((script) => script.match(/\$\{\{.*?\}\}/g) ?? []);
    expect(inserted.filter((expression) => !/^\$\{\{ matrix\.\w+ \}\}$/.test(expression))).toEqual([]);
  });

  it('runs scripts and commands that exist, with options that exist', async () => {
    const { scripts } = PackageSchema.parse(JSON.parse(read('package.json')));
    const program = await createProgram({ serve: async () => {}, health: async () => {}, environment: {} });
    for (const script of scriptsOf(entry)) {
      for (const [, name = ''] of script.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
        expect(scripts).toHaveProperty(name);
      if (/\bnpm test\b/.test(script)) expect(scripts).toHaveProperty('test');
      for (const [, name, rest = ''] of script
        .replaceAll('\\\n', ' ')
        .matchAll(/dist\/main\.js (\S+)(.*)/g)) {
        const command =
          program.commands.find((one) => one.name() === name) ?? expect.fail(`no command ${name}`);
        const known = command.options.map(({ long }) => long);
        for (const [option] of rest.matchAll(/--[\w-]+/g)) expect(known).toContain(option);
      }
    }
  });

  it('has scripts that bash can read', () => {
    for (const script of scriptsOf(entry)) {
      execFileSync('bash', ['-n'], { input: script.replaceAll(/\$\{\{.*?\}\}/g, 'value') });
    }
  });

  it('names files and folders that exist', () => {
    for (const script of scriptsOf(entry)) {
      for (const [path] of script.matchAll(/\.github\/[\w./-]+\.sh/g))
        accessSync(join(REPOSITORY_ROOT, path), constants.X_OK);
    }
  });

  // The overlays are a part of their own; where they are, they must be those that are named here.
  it.skipIf(!existsSync(join(REPOSITORY_ROOT, 'k8s/overlays')))('names overlays that exist', () => {
    for (const script of scriptsOf(entry)) {
      for (const [path] of script.matchAll(/k8s\/[\w./-]+/g)) {
        expect(existsSync(join(REPOSITORY_ROOT, path, 'kustomization.yaml')), path).toBe(true);
      }
    }
  });
});

describe('a change', () => {
  const said = scriptsOf({ file: '', text: '', workflow: byName('ci.yml') });

  it('is linted, type-checked, tested, audited, listed and measured', () => {
    const runs = said.join('\n');
    for (const step of [
      'npm run lint',
      'npm run typecheck',
      'npm test',
      'npm audit --omit=dev',
      'npm sbom',
      'npm run bench -- --quick --gate smoke',
    ]) {
      expect(runs).toContain(step);
    }
  });

  it('is tested on the oldest Node that package.json allows and on the one of the image', () => {
    const { strategy } = byName('ci.yml').jobs.test ?? expect.fail('there is no job "test"');
    const oldest = /"node": ">=([\d.]+)"/.exec(read('package.json'))?.[1];
    const shipped = /node:(\d+\.\d+\.\d+)-/.exec(read('Dockerfile'))?.[1];
    expect(strategy?.matrix.node).toEqual([oldest, shipped]);
    const others = stepsOf(byName('ci.yml')).flatMap((step) => step.with?.['node-version'] ?? []);
    expect(new Set(others)).toEqual(new Set([shipped, expression('matrix.node')]));
  });
});

describe('a deployment', () => {
  const { jobs } = byName('deploy.yml');

  it('goes from the gates through staging and canary to production, each only after the one before', () => {
    const order = Object.entries(jobs).map(([name, { needs, environment }]) => [name, needs, environment]);
    expect(order).toEqual([
      ['gate', undefined, undefined],
      ['staging', 'gate', 'staging'],
      ['canary', 'staging', 'canary'],
      ['production', 'canary', 'production'],
    ]);
  });

  it('is gated by what is promised: one point of accuracy, 20 ms, 1,000 dies', () => {
    const runs = jobs.gate?.steps.map(({ run }) => run ?? '').join('\n');
    expect(runs).toContain('--max-accuracy-drop 1 --max-p99-ms 20 --min-samples 1000');
  });

  it('stops a model that is blind, and one that is worse for any lot', () => {
    const runs = jobs.gate?.steps.map(({ run }) => run ?? '').join('\n');
    for (const option of [
      '--min-accuracy',
      '--min-detection',
      '--max-detection-drop',
      '--max-false-alarms',
      '--by',
    ])
      expect(runs).toContain(`${option} `);
  });

  it('goes on to production only when the metrics of the canary are as good as the stable ones', () => {
    const names = jobs.production?.steps.map(({ name }) => name) ?? [];
    const compared = jobs.production?.steps.find(({ run }) => run?.includes('.github/compare-canary.mjs'));
    expect(names.indexOf(compared?.name)).toBeGreaterThan(-1);
    expect(names.indexOf(compared?.name)).toBeLessThan(names.indexOf('apply'));
  });

  it.each(['staging', 'canary', 'production'])(
    'asks %s for a prediction, and rolls it back where that fails',
    (name) => {
      const steps = jobs[name]?.steps ?? [];
      const names = steps.map((step) => step.name);
      expect(names.indexOf('smoke check')).toBeGreaterThan(names.indexOf('apply'));
      expect(steps.find((step) => step.name === 'roll back')).toMatchObject({
        if: expect.stringContaining('failure()'),
      });
    },
  );
});
