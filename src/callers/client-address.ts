import { isIP, isIPv4, type Socket } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';

/** Who calls, by the address of a socket or by what the proxies at its other end say. */
export type ClientAddress = (
  socket: Pick<Socket, 'remoteAddress'>,
  forwardedFor: string | string[] | undefined,
) => string;

/**
 * The nearest address, from the socket on, that is not a trusted proxy's; without a port, so that one client is
 * one address. Where what a proxy names there is no address, the socket's own counts.
 * @param trustedProxies addresses and networks of proxies whose x-forwarded-for is believed
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) return ({ remoteAddress = '' }) => remoteAddress;
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return ({ remoteAddress: peer = '' }, forwardedFor) => {
    let address = peer;
    // Each proxy adds at the end who called it.
    for (const entry of entriesOf(forwardedFor).reverse()) {
      if (!isTrusted(withoutZone(address), 0)) return address;
      const next = addressIn(entry);
      if (next === undefined) return peer;
      address = next;
    }
    return address;
  };
}

/** Empty elements of a list mean nothing (RFC 9110, section 5.6.1.2). */
function entriesOf(forwardedFor: string | string[] = ''): string[] {
  return String(forwardedFor)
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/**
 * The address of an entry as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`,
 * `[2001:db8::1]:4711`, each also in quotes; undefined for everything else.
 */
export function addressIn(entry: string): string | undefined {
  const text = entry.replace(/^"(.*)"$/, '$1');
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  const address = bracketed ?? beforePort ?? text;
  if (isIP(address) === 0 || (bracketed !== undefined && isIPv4(address))) return undefined;
  // An IPv4 address within IPv6 is the same client.
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  return mapped ?? address.toLowerCase();
}

/** Of a link-local address the interface is no part of what networks are compared with. */
function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? address;
}
