import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DimmerError } from "@dimmer/core";

/** Where a server listens on TCP. */
export interface TcpAddress {
  readonly host: string;
  /** The port taken, also where 0 was asked for. */
  readonly port: number;
}

/**
 * Makes a server listen on an address and port; port 0 takes a free one.
 *
 * @throws {DimmerError} `listen_failed` naming the address, what is in the way, and the fix
 */
export function listenOnTcp(server: Server, { host, port }: TcpAddress): Promise<TcpAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(new DimmerError("listen_failed", `--port ${port}: ${reasonOf(error, host)}.`, { cause: error }));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      resolve({ host, port: (server.address() as AddressInfo).port });
    });
  });
}

function reasonOf({ code, message }: NodeJS.ErrnoException, host: string): string {
  switch (code) {
    case "EADDRINUSE":
      return `is taken on ${host}. Stop what listens there, or choose another --port`;
    case "EACCES":
      return "needs more rights than this process has. Choose a port above 1023";
    case "EADDRNOTAVAIL":
      return `cannot be taken: ${host} is no address of this machine. Choose another --host`;
    default:
      return `cannot be listened on at ${host} (${code ?? message}). Choose another --port or --host`;
  }
}
