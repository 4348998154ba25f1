import { isIP } from "node:net";
import { callbackify } from "node:util";
import { Agent, buildConnector } from "undici";
import { SendFailure } from "../send-failure.ts";
import type { AddressGuard } from "./address-guard.ts";
import type { Resolve, ResolvedAddress } from "./resolve-host.ts";

/** What an agent needs. */
export interface GuardedAgentOptions {
  readonly guard: AddressGuard;
  readonly resolve: Resolve;
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
  readonly ca?: string | undefined;
}

const KEEP_ALIVE_MS = 10_000;

/**
 * Makes an undici agent that connects to checked addresses only. A name is resolved once for a connection and the
 * connection goes to an address of that very answer: a name that changes its answer in between changes nothing. One
 * address that may not be connected to condemns the name. It opens as many connections as it is asked for requests at
 * once: who asks bounds them, since a queue within would be one of all tenants.
 */
export function guardedAgent({ guard, resolve, connectTimeoutMs, timeoutMs, ca }: GuardedAgentOptions): Agent {
  const checkedAddresses = callbackify(async (hostname: string): Promise<ResolvedAddress[]> => {
    const addresses = await resolve(hostname);
    if (addresses.length === 0) throw new SendFailure("the host has no address");
    if (!addresses.every(({ address }) => guard(address))) throw refused();
    return addresses.map(({ address, family }) => ({ address, family }));
  });
  const connectTo = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
    lookup: (hostname, options, done) => {
      checkedAddresses(hostname, (error, addresses) => {
        const [first] = addresses ?? [];
        if (error !== null || first === undefined) done(error ?? refused(), "", 0);
        else if (options.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      });
    },
  });
  return new Agent({
    connections: null,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: -1,
    connect: (options, done) => {
      const host = options.hostname.replace(/^\[(.*)\]$/, "$1");
      // No name is looked up for an address: the guard asks here.
      if (isIP(host) !== 0 && !guard(host)) return done(refused(), null);
      connectTo(options, (error, socket) => {
        if (error !== null) return done(error, null);
        // What the system says it is connected to has the last word.
        if (socket.remoteAddress === undefined || !guard(socket.remoteAddress)) {
          socket.destroy();
          return done(refused(), null);
        }
        done(null, socket);
      });
    },
  });
}

function refused(): SendFailure {
  return new SendFailure("the host is at an address that is not public: it is not connected to");
}
