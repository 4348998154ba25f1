import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/**
 * Starts the login of an example: it knows a session by a bearer token that says itself who it is, and hands back what it read.
 * Returns its port.
 */
export async function startLogin(): Promise<number> {
  const server = createServer(({ headers: { authorization = "" } }, res) => {
    const [, tenant, principal] =
      /^bearer +([A-Za-z0-9_][A-Za-z0-9._-]*):(admin|billing|member|service)$/i.exec(authorization) ?? [];
    const known = tenant === undefined ? {} : { "dimmer-tenant": tenant, "dimmer-principal": principal };
    const read = authorization === "" ? {} : { authorization };
    res.writeHead(200, { ...known, ...read, "content-length": "0" }).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
