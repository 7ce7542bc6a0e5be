import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Access } from '../../../callers/access.js';
import type { Caller, Permission } from '../../../callers/caller.js';
import { identify } from '../../../callers/identify.js';
import { Refusal } from '../../../errors.js';
import { certificateName } from '../../../secrets/tls.js';
import { noSuchRoute } from './problems.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller must be permitted to use the route; none for routes that are open to everybody. */
    permission?: Permission;
  }
  interface FastifyRequest {
    /**
     * Who calls: the id of an API key, `jwt:` and the subject of a token, or, where neither is asked for,
     * `cert:` and the common name of the client's certificate; else empty.
     */
    keyId: string;
  }
}

/**
 * Asks for an API key or a token wherever a route names a permission, before the body is read. Routes of
 * the permission `admin` exist only while somebody can have it.
 */
export const accessPlugin = fp<{ access: Access | undefined }>(
  (app, { access }, done) => {
    app.decorateRequest('keyId', '');
    // Once for each connection: what its certificate says cannot change while it lasts.
    const certificates = new WeakMap<Socket, string>();
    const nameOf = (socket: Socket): string => {
      const known = certificates.get(socket);
      if (known !== undefined) return known;
      const name = certificateName(socket);
      certificates.set(socket, name);
      return name;
    };
    app.addHook('onRequest', (request, reply, next) => {
      const { permission } = request.routeOptions.config;
      if (permission === 'admin' && access?.hasAdmin() !== true) return next(noSuchRoute(request));
      if (permission === undefined || access === undefined) {
        request.keyId = nameOf(request.raw.socket);
        return next();
      }
      const admit = (caller: Caller) => next(admission(caller, permission, request, reply));
      const refuse = (error: unknown) => next(challenge(error, permission, reply));
      try {
        const caller = identify(access, permission, request.headers);
        if (caller instanceof Promise) caller.then(admit, refuse);
        else admit(caller);
      } catch (error) {
        refuse(error);
      }
    });
    done();
  },
  { name: 'access', dependencies: ['problems'] },
);

function admission(
  { id, permissions }: Caller,
  permission: Permission,
  request: FastifyRequest,
  reply: FastifyReply,
): Refusal | undefined {
  request.keyId = id;
  if (permissions.includes(permission)) return undefined;
  reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="diegate:${permission}"`);
  return new Refusal('forbidden', `"${id}" does not have the permission "${permission}"`);
}

function challenge(error: unknown, permission: Permission, reply: FastifyReply): Error {
  if (error instanceof Refusal && error.code === 'unauthorized') {
    // Each in a line of its own: Chromium takes a line of two for one that it does not know, and asks for no password.
    reply.header(
      'www-authenticate',
      permission === 'read' ? ['Bearer', 'Basic realm="diegate"'] : ['Bearer'],
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}
