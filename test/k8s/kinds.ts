import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { type KubernetesObject, nameOf } from './kustomize.js';

export {
  ConfigMap,
  CronJob,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Job,
  Namespace,
  NetworkPolicy,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  PrometheusRule,
  ScaledObject,
  Secret,
  Service,
  ServiceAccount,
  ServiceMonitor,
};

/** A kind's model: its guard looks at apiVersion and kind, `validate` at the values. */
interface Model<T> {
  new (data: T): { validate(): void };
  is(value: unknown): value is T;
}

/** A kind that may occur: where its interface is declared, and a check of an object's values. */
interface Kind {
  readonly name: string;
  readonly module: string;
  readonly is: (object: KubernetesObject) => boolean;
  readonly validate: (object: KubernetesObject) => void;
}

function kindOf<T>(name: string, module: string, model: Model<T>): Kind {
  return {
    name,
    module: `${module}/${name}`,
    is: (object) => model.is(object),
    validate: (object) => {
      if (model.is(object)) new model(object).validate();
    },
  };
}

const OPERATOR = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
const KINDS: readonly Kind[] = [
  kindOf('ConfigMap', 'kubernetes-models/v1', ConfigMap),
  kindOf('CronJob', 'kubernetes-models/batch/v1', CronJob),
  kindOf('Deployment', 'kubernetes-models/apps/v1', Deployment),
  kindOf('HorizontalPodAutoscaler', 'kubernetes-models/autoscaling/v2', HorizontalPodAutoscaler),
  kindOf('Ingress', 'kubernetes-models/networking.k8s.io/v1', Ingress),
  kindOf('Job', 'kubernetes-models/batch/v1', Job),
  kindOf('Namespace', 'kubernetes-models/v1', Namespace),
  kindOf('NetworkPolicy', 'kubernetes-models/networking.k8s.io/v1', NetworkPolicy),
  kindOf('PersistentVolumeClaim', 'kubernetes-models/v1', PersistentVolumeClaim),
  kindOf('PodDisruptionBudget', 'kubernetes-models/policy/v1', PodDisruptionBudget),
  kindOf('PrometheusRule', OPERATOR, PrometheusRule),
  kindOf('ScaledObject', '@kubernetes-models/keda/keda.sh/v1alpha1', ScaledObject),
  kindOf('Secret', 'kubernetes-models/v1', Secret),
  kindOf('Service', 'kubernetes-models/v1', Service),
  kindOf('ServiceAccount', 'kubernetes-models/v1', ServiceAccount),
  kindOf('ServiceMonitor', OPERATOR, ServiceMonitor),
];

/** The objects of one kind, typed. */
export function all<T>(objects: readonly KubernetesObject[], model: Model<T>): (KubernetesObject & T)[] {
  return objects.filter((object): object is KubernetesObject & T => model.is(object));
}

/** The only object of one kind. */
export function only<T>(objects: readonly KubernetesObject[], model: Model<T>): KubernetesObject & T {
  const [first, ...others] = all(objects, model);
  if (first === undefined || others.length > 0) throw new Error('expected exactly one object of the kind');
  return first;
}

/** What the schemas say against objects: one line for each object with a wrong or missing value. */
export function wrongValues(objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap((object) => {
    try {
      kindFor(object).validate(object);
      return [];
    } catch (error) {
      return [`${nameOf(object)}: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}

/** Fields of an operator's kind that came after the schemas: since its version 0.66. */
const NEWER_FIELDS: Readonly<Record<string, readonly string[]>> = { PrometheusRule: ['keep_firing_for'] };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Fields that no schema knows. The schemas pass over them, so each object is written as a literal of its
 * interface and given to the compiler, which does not.
 * @returns the compiler's lines; empty when every field is known
 */
export function unknownFields(objects: readonly KubernetesObject[]): string[] {
  const kinds = [...new Set(objects.map(kindFor))];
  const source = [
    ...kinds.map(({ name, module }) => `import type { I${name} } from '${module}';`),
    ...objects.map((object, i) => {
      const isNewer = (field: string) => NEWER_FIELDS[object.kind]?.includes(field);
      const literal = JSON.stringify(object, (field, value) => (isNewer(field) ? undefined : value), 1);
      return `// ${nameOf(object)}\nexport const object${i}: I${object.kind} = ${literal};`;
    }),
  ].join('\n');
  const folder = mkdtempSync(join(tmpdir(), 'diegate-k8s-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'objects.ts'), source);
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
    execFileSync(process.execPath, [compiler, ...options, 'objects.ts'], { cwd: folder, encoding: 'utf8' });
    return [];
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return String(error.stdout).trim().split('\n');
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function kindFor(object: KubernetesObject): Kind {
  const kind = KINDS.find(({ is }) => is(object));
  if (kind === undefined) throw new Error(`no schema for ${object.apiVersion} ${nameOf(object)}`);
  return kind;
}
