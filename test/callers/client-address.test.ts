import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressIn, createClientAddress } from '../../src/callers/client-address.js';

const of = createClientAddress(['10.0.0.0/8', 'fd00::/8']);
const behind = (peer: string, forwardedFor?: string | string[]) => of({ remoteAddress: peer }, forwardedFor);

describe('the address of a client', () => {
  test.each([
    ['10.0.0.1', '192.0.2.7', '192.0.2.7', 'a plain one'],
    ['10.0.0.1', '192.0.2.7:4711', '192.0.2.7', 'the port is no part of it'],
    ['10.0.0.1', '192.0.2.7:1, 10.0.0.9:2', '192.0.2.7', 'nor of a trusted proxy'],
    ['10.0.0.1', '[2001:db8::7]:4711', '2001:db8::7', 'IPv6 in brackets with a port'],
    ['10.0.0.1', '[2001:db8::7]', '2001:db8::7', 'IPv6 in brackets'],
    ['10.0.0.1', '"[2001:DB8::7]:80"', '2001:db8::7', 'in quotes, in capitals'],
    ['10.0.0.1', '::ffff:192.0.2.7', '192.0.2.7', 'IPv4 within IPv6'],
    ['fd00::1', '2001:db8::7', '2001:db8::7', 'behind a proxy of IPv6'],
    ['::ffff:10.0.0.1', '192.0.2.7', '192.0.2.7', 'behind one of IPv4 within IPv6'],
    ['10.0.0.1', '6.6.6.6, 192.0.2.7', '192.0.2.7', 'what a client made up is not believed'],
    ['10.0.0.1', ['6.6.6.6', '192.0.2.7'], '192.0.2.7', 'in two headers'],
    ['10.0.0.1', '192.0.2.7,, ,', '192.0.2.7', 'empty elements mean nothing'],
    ['10.0.0.1', 'unknown', '10.0.0.1', 'no address: the peer'],
    ['10.0.0.1', '192.0.2.7, rubbish', '10.0.0.1', 'nor is what stands before rubbish believed'],
    ['10.0.0.1', '192.0.2.7:99999999', '10.0.0.1', 'a port that is none'],
    ['10.0.0.1', '999.0.2.7', '10.0.0.1', 'a number that is none'],
    ['10.0.0.1', '[192.0.2.7]', '10.0.0.1', 'IPv4 in brackets'],
    ['10.0.0.1', '', '10.0.0.1', 'an empty header'],
    ['10.0.0.1', undefined, '10.0.0.1', 'no header'],
    ['192.0.2.1', '203.0.113.5', '192.0.2.1', 'of a peer that is not trusted'],
  ])('behind %s with %j is %s: %s', (peer, forwardedFor, expected, _why) => {
    expect(behind(peer, forwardedFor)).toBe(expected);
  });

  test('is one for every port', () => {
    const ports = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(fc.ipV4(), ports, (address, port) => {
        expect(addressIn(`${address}:${port}`)).toBe(address);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), ports, (address, port) => {
        expect(addressIn(`[${address}]:${port}`)).toBe(addressIn(address));
      }),
    );
  });

  test('whatever a header says, is an address', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = behind('10.0.0.1', text);
        expect(found === '10.0.0.1' || addressIn(found) !== undefined).toBe(true);
      }),
    );
  });

  test('without trusted proxies is that of the socket', () => {
    expect(createClientAddress([])({ remoteAddress: '10.0.0.1' }, '192.0.2.7')).toBe('10.0.0.1');
  });
});
