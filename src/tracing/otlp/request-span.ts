import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { EndedRequest, RequestSpan, SpanRef, Wait } from '../tracer.js';
import type { SpanSource } from './span-source.js';

/** A request's span, as OpenTelemetry's conventions for HTTP servers have it. */
export class RecordedRequest implements RequestSpan {
  readonly #source: SpanSource;
  readonly #span: Span;
  readonly #context: Context;

  constructor(source: SpanSource, span: Span) {
    this.#source = source;
    this.#span = span;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  waited({ version, dies, lane, fromMs, toMs, unscored }: Wait): SpanRef {
    const { tracer, timeOf } = this.#source;
    const attributes = { ...versionAttributes(version), 'diegate.dies': dies, 'diegate.lane': lane };
    const span = tracer.startSpan('queue', { startTime: timeOf(fromMs), attributes }, this.#context);
    if (unscored !== undefined) markFailed(span, unscored);
    span.end(timeOf(toMs));
    return span.spanContext();
  }

  linkTo(batch: SpanRef): void {
    if (this.#span.isRecording()) this.#span.addLink({ context: batch });
  }

  end({ status, refusalCode, refusalDetail, model, version, dies }: EndedRequest): void {
    const known: Attributes = {
      'http.response.status_code': status,
      'diegate.model.name': model,
      'diegate.model.version': version,
      'diegate.dies': dies,
      'diegate.refusal': refusalCode === '' ? undefined : refusalCode,
    };
    this.#span.setAttributes(known);
    // A refusal that the caller is to blame for is no error of the server's span.
    if (status === undefined) markFailed(this.#span, 'client_gone');
    else if (status >= 500) markFailed(this.#span, refusalCode || String(status), refusalDetail);
    this.#span.end(this.#source.timeOf(this.#source.nowMs()));
  }
}

/** Says that what the span stands for did not succeed. `type` is one of few words, `message` free text. */
export function markFailed(span: Span, type: string, message = type): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** The attributes of a model version, from its key `name/version`. */
export function versionAttributes(key: string): Attributes {
  const slash = key.lastIndexOf('/');
  return { 'diegate.model.name': key.slice(0, slash), 'diegate.model.version': key.slice(slash + 1) };
}
