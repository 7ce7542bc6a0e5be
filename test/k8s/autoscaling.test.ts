import type { IHorizontalPodAutoscalerSpec } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscalerSpec';
import { describe, expect, test } from 'vitest';
import { HorizontalPodAutoscaler, only, ScaledObject } from './kinds.js';
import { kustomizeMissing, overlay } from './kustomize.js';
import { present, quantity } from './pods.js';

/** The targets of an autoscaler: percent of the CPU, and values for each pod by metric. */
function targetsOf({ metrics = [] }: IHorizontalPodAutoscalerSpec): Record<string, number> {
  return Object.fromEntries(
    metrics.map(({ resource, pods }) =>
      resource
        ? [resource.name, present(resource.target.averageUtilization)]
        : [present(pods).metric.name, quantity(pods?.target.averageValue)],
    ),
  );
}

describe.skipIf(kustomizeMissing)('autoscaling', () => {
  test('is by CPU, queue depth and requests, quick upwards and slow downwards', () => {
    const { spec } = only(overlay('production'), HorizontalPodAutoscaler);
    expect(targetsOf(present(spec))).toEqual({
      cpu: 40,
      queue_depth_dies: 64,
      http_requests_per_second: 3000,
    });
    const { scaleUp, scaleDown } = present(spec?.behavior);
    expect(present(scaleUp?.stabilizationWindowSeconds)).toBeLessThan(
      present(scaleDown?.stabilizationWindowSeconds),
    );
    for (const { periodSeconds } of present(scaleUp?.policies)) expect(periodSeconds).toBeLessThanOrEqual(30);
    expect(scaleDown?.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 60 }]);
  });

  test('by KEDA has the same targets, bounds and behaviour', () => {
    const { spec: hpa } = only(overlay('production'), HorizontalPodAutoscaler);
    const { spec } = only(overlay('keda'), ScaledObject);
    const { cpu, ...ofPods } = targetsOf(present(hpa));
    const [queue, requests, processor] = spec.triggers;
    expect([queue, requests].map((trigger) => trigger?.metadata.threshold)).toEqual(
      Object.values(ofPods).map(String),
    );
    expect(processor).toMatchObject({ type: 'cpu', metadata: { value: String(cpu) } });
    expect(spec.advanced?.horizontalPodAutoscalerConfig?.behavior).toEqual(hpa?.behavior);
    expect([spec.minReplicaCount, spec.maxReplicaCount]).toEqual([hpa?.minReplicas, hpa?.maxReplicas]);
  });

  test('by KEDA has pods ready before each shift and falls back to as many when Prometheus is silent', () => {
    const { spec } = only(overlay('keda'), ScaledObject);
    const shifts = spec.triggers.filter(({ type }) => type === 'cron').map(({ metadata }) => metadata);
    expect(shifts.map(({ start, end }) => [start, end])).toEqual([
      ['45 5 * * *', '0 7 * * *'],
      ['45 13 * * *', '0 15 * * *'],
      ['45 21 * * *', '0 23 * * *'],
    ]);
    for (const { desiredReplicas, timezone } of shifts) {
      expect(Number(desiredReplicas)).toBeGreaterThan(present(spec.minReplicaCount));
      expect(Number(desiredReplicas)).toBe(spec.fallback?.replicas);
      expect(() => new Intl.DateTimeFormat('en', { timeZone: present(timezone) })).not.toThrow();
    }
  });
});
