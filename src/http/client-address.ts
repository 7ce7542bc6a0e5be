import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';

/** Who calls, by the address of a socket or by what the proxy at its other end says. */
export type ClientAddress = (socket: Socket, forwardedFor: string | undefined) => string;

/**
 * The address of a client as Fastify finds that of its requests: the nearest one that is not a trusted proxy's.
 * @param trustedProxies addresses and networks of proxies whose x-forwarded-for is believed
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) return ({ remoteAddress = '' }) => remoteAddress;
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return (socket, forwardedFor) => {
    const message = new IncomingMessage(socket);
    message.headers = { 'x-forwarded-for': forwardedFor };
    return proxyAddr(message, isTrusted);
  };
}
