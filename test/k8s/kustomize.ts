import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

export const K8S = fileURLToPath(new URL('../../k8s', import.meta.url));
export const OVERLAYS = ['production', 'canary', 'edge', 'keda'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** Components are since 3.7, labels without selectors since 4.1, the form of the patches here since 5. */
const OLDEST_MAJOR = 5;

/** What every object of Kubernetes has. */
const ObjectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
export type KubernetesObject = z.infer<typeof ObjectSchema>;

/** A program that builds a folder, as the words of its command line. */
type Command = readonly [string, ...string[]];

/** Finds `kustomize`, else the one inside `kubectl`; the reason when neither is there or new enough. */
function findKustomize(): { command: Command } | { missing: string } {
  const candidates: { command: Command; version: Command; read: (text: string) => string | undefined }[] = [
    {
      command: ['kustomize', 'build'],
      version: ['kustomize', 'version'],
      read: (text) => /v(\d+\.\d+\.\d+)/.exec(text)?.[1],
    },
    {
      command: ['kubectl', 'kustomize'],
      version: ['kubectl', 'version', '--client'],
      read: (text) => /Kustomize Version: v(\d+\.\d+\.\d+)/.exec(text)?.[1],
    },
  ];
  const tooOld: string[] = [];
  for (const { command, version, read } of candidates) {
    const output = outputOf(version);
    if (output === undefined) continue;
    const found = read(output);
    if (found !== undefined && Number.parseInt(found, 10) >= OLDEST_MAJOR) return { command };
    // Before 1.25, kubectl did not say which kustomize is in it.
    tooOld.push(`${command[0]} has kustomize ${found ?? 'of an unknown version'}`);
  }
  const why = tooOld.length > 0 ? tooOld.join(', ') : 'neither kustomize nor kubectl is installed';
  return { missing: `${why}; expected kustomize ${OLDEST_MAJOR} or newer` };
}

function outputOf([program, ...args]: Command): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

const kustomize = findKustomize();
/** Why nothing can be built here; undefined when it can. */
export const kustomizeMissing = 'missing' in kustomize ? kustomize.missing : undefined;
if (kustomizeMissing !== undefined) process.stdout.write(`skipped: ${kustomizeMissing}\n`);

/** Builds a kustomization, with the real kustomize. */
export function build(folder: string): KubernetesObject[] {
  if ('missing' in kustomize) throw new Error(kustomize.missing);
  const [program, ...args] = kustomize.command;
  return parseObjects(execFileSync(program, [...args, folder], { encoding: 'utf8' }));
}

const built = new Map<Overlay, KubernetesObject[]>();

/** The objects of an overlay; built once for each test file. */
export function overlay(name: Overlay): KubernetesObject[] {
  const objects = built.get(name) ?? build(`${K8S}/overlays/${name}`);
  built.set(name, objects);
  return objects;
}

/** The objects of a file beneath k8s/. */
export function readObjects(file: string): KubernetesObject[] {
  return parseObjects(readFileSync(`${K8S}/${file}`, 'utf8'));
}

/** The objects of a YAML or JSON text. */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return ObjectSchema.parse(document.toJS());
  });
}

/** How a failing test names an object. */
export function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`;
}
