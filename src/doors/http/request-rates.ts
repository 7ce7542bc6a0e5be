import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Counted, Counting, RateLimits } from '../../callers/rates.js';
import type { Refusal } from '../../errors.js';

/** Counts a request for its caller, and says so in the answer; the refusal where it is one too many. */
export function countCaller(
  rates: RateLimits,
  request: FastifyRequest,
  reply: FastifyReply,
): Refusal | undefined {
  return told(rates.countCaller(countingOf(request)), reply);
}

/** The same for the equipment of the first of its dies, which have been read. */
export function countEquipment(
  rates: RateLimits,
  request: FastifyRequest,
  reply: FastifyReply,
): Refusal | undefined {
  const equipmentId = request.measurements?.labels[0]?.equipment_id;
  return told(rates.countEquipment(countingOf(request), equipmentId), reply);
}

function countingOf(request: FastifyRequest): Counting {
  return { keyId: request.keyId, address: () => request.clientAddress };
}

function told(counted: Counted | undefined, reply: FastifyReply): Refusal | undefined {
  if (counted !== undefined) reply.headers({ ...counted.headers });
  return counted?.refusal;
}
