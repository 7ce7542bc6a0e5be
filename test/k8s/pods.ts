import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { z } from 'zod';
import { all, ConfigMap, Deployment } from './kinds.js';
import type { KubernetesObject } from './kustomize.js';

export type Labels = Readonly<Record<string, string>>;
type PodSpec = NonNullable<IPodTemplateSpec['spec']>;

/** A Deployment with what the tests ask about, all of it there. */
export interface ServerDeployment {
  readonly name: string;
  readonly spec: NonNullable<IDeployment['spec']>;
  readonly pod: PodSpec;
  readonly podLabels: Labels;
  readonly container: IContainer;
  /** Its environment as the server would see it: the ConfigMap and `env`. */
  readonly environment: Labels;
}

/** The Deployments of a build. */
export function deployments(objects: readonly KubernetesObject[]): ServerDeployment[] {
  return all(objects, Deployment).map(({ metadata, spec }) => {
    const pod = present(spec?.template.spec);
    const [container, ...others] = pod.containers;
    if (others.length > 0) throw new Error(`${metadata.name}: expected one container`);
    return {
      name: metadata.name,
      spec: present(spec),
      pod,
      podLabels: present(spec?.template.metadata?.labels),
      container: present(container),
      environment: environmentOf(objects, present(container)),
    };
  });
}

function environmentOf(objects: readonly KubernetesObject[], { envFrom = [], env = [] }: IContainer): Labels {
  const maps = envFrom.map(({ configMapRef }) => {
    const map = all(objects, ConfigMap).find(({ metadata }) => metadata.name === configMapRef?.name);
    return z.record(z.string(), z.string()).parse(map?.data);
  });
  return Object.assign({}, ...maps, Object.fromEntries(env.map(({ name, value }) => [name, value])));
}

/** Whether a selector picks what has these labels; an empty one picks everything. */
export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

/** A value that has to be there. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('expected a value');
  return value;
}

/** The Deployment of a name. */
export function deploymentNamed(objects: readonly KubernetesObject[], name: string): ServerDeployment {
  return present(deployments(objects).find((candidate) => candidate.name === name));
}

const quantities: Readonly<Record<string, number>> = {
  m: 1e-3,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  '': 1,
};

/** A quantity such as 500m or 512Mi as a number. */
export function quantity(value: string | number | undefined): number {
  const [, amount = '', unit = ''] = present(/^(\d+)([a-zA-Z]*)$/.exec(String(value)));
  return Number(amount) * present(quantities[unit]);
}
