import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { freePort } from '../servers/start.js';

const ConfigSchema = z.looseObject({
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })),
    }),
  ),
});

const AnswerSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown(), warnings: z.array(z.string()).optional() }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);

const VectorSchema = z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) });
const NamesSchema = z.array(z.string());
const RuleHealthSchema = z.object({
  name: z.string(),
  health: z.enum(['ok', 'err', 'unknown']),
  lastError: z.string().optional(),
});
type RuleHealth = z.infer<typeof RuleHealthSchema>;
const RulesSchema = z.object({ groups: z.array(z.object({ rules: z.array(RuleHealthSchema) })) });
const ExemplarsSchema = z.array(
  z.object({ exemplars: z.array(z.object({ labels: z.record(z.string(), z.string()) })) }),
);

/** Whether there is a Prometheus on this machine. */
export function isPrometheusHere(): boolean {
  return spawnSync('prometheus', ['--version']).status === 0;
}

/** A Prometheus on a port of its own, with data of its own that go when it is stopped. */
export class Prometheus {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #url: string;

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.#url = url;
  }

  /**
   * Starts it with the project's configuration, but for the targets, which it scrapes every second.
   * @param folder of prometheus.yml
   * @param targets address by job
   */
  static async start(folder: string, targets: Readonly<Record<string, string>>): Promise<Prometheus> {
    const data = await mkdtemp(join(tmpdir(), 'diegate-prometheus-'));
    const { alerting: _, ...config } = ConfigSchema.parse(
      parse(await readFile(join(folder, 'prometheus.yml'), 'utf8')),
    );
    const file = join(data, 'prometheus.yml');
    await writeFile(
      file,
      stringify({
        ...config,
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: [join(folder, 'rules/*.yml')],
        scrape_configs: Object.entries(targets).map(([job, address]) => ({
          job_name: job,
          static_configs: [{ targets: [address] }],
        })),
      }),
    );
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(data, 'tsdb')}`,
        `--web.listen-address=${address}`,
        '--enable-feature=exemplar-storage',
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const prometheus = new Prometheus(child, data, `http://${address}`);
    try {
      await prometheus.#ready();
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  /** How many series an expression has now whose value is a number. @throws Error where it is refused */
  async series(expr: string): Promise<number> {
    const { result } = VectorSchema.parse(await this.#get('query', { query: expr }));
    return result.filter(({ value: [, text] }) => text !== 'NaN').length;
  }

  /** The names of all series that it has. */
  async names(): Promise<Set<string>> {
    return new Set(NamesSchema.parse(await this.#get('label/__name__/values')));
  }

  /** The rules that could not be evaluated, or (health `unknown`) have not been yet. */
  async rulesNotOk(): Promise<RuleHealth[]> {
    const { groups } = RulesSchema.parse(await this.#get('rules'));
    return groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== 'ok');
  }

  /** The trace ids of a metric's exemplars. */
  async traceIds(selector: string): Promise<string[]> {
    const nowS = Date.now() / 1000;
    const range = { start: String(nowS - 300), end: String(nowS + 1) };
    const found = ExemplarsSchema.parse(await this.#get('query_exemplars', { query: selector, ...range }));
    return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id ?? ''));
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null && this.#child.kill('SIGTERM')) await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #get(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = AnswerSchema.parse(await response.json());
    if (answer.status === 'error') throw new Error(answer.error);
    return answer.data;
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      if (this.#child.exitCode !== null) throw new Error(`prometheus ended with ${this.#child.exitCode}`);
      try {
        if ((await fetch(`${this.#url}/-/ready`)).ok) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('prometheus did not become ready within 30 s');
  }
}
