import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { guardEgress } from "../../src/egress/index.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { locked, unpaid } from "../guard/memory-dimmer.ts";

let server: Server;
let url: string;
let requests: string[];
let closed: number;

beforeEach(async () => {
  requests = [];
  closed = 0;
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.once("close", () => (closed += 1));
    if (request.url === "/slow") response.write("the beginning");
    else response.end("an answer");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

describe("guardEgress", () => {
  it("sends what may go out", async () => {
    const fetch = guardEgress(new LiveDimmer({ paying: {} }), "paying");
    expect(await (await fetch(`${url}/crm`, { method: "POST", body: "x" })).text()).toBe("an answer");
    expect(requests).toEqual(["POST /crm"]);
  });

  it("rejects what may not, and sends nothing of it", async () => {
    const dimmer = new LiveDimmer({ acme: unpaid("read_only") });
    await expect(guardEgress(dimmer, "acme")(`${url}/crm`)).rejects.toMatchObject({
      name: "AbortError",
      cause: { reason: "restricted", capability: "integration" },
    });
    expect(requests).toEqual([]);
    const deaf = vi.fn(async () => new Response());
    await expect(guardEgress(dimmer, "acme", deaf)(url)).rejects.toMatchObject({ name: "AbortError" });
    expect(deaf, "a fetch that looks at no signal").not.toHaveBeenCalled();
    const exporting = guardEgress(dimmer, { tenant: "acme", capability: "export", principal: "service" });
    expect((await exporting(`${url}/backup`)).status).toBe(200);
  });

  it("needs the feature that it is told", async () => {
    const dimmer = new LiveDimmer({ acme: { plan: "starter" } });
    const fetch = guardEgress(dimmer, { tenant: "acme", feature: "sso" });
    await expect(fetch(url)).rejects.toMatchObject({ cause: { reason: "feature_not_in_plan" } });
    dimmer.change("acme", { plan: "pro" });
    expect((await fetch(url)).status).toBe(200);
  });

  it("goes out for a member only while members may sign in, and is cut off when they may not", async () => {
    const dimmer = new LiveDimmer({ acme: {} });
    // Everybody keeps "pay" in read_only; only administrators keep "login".
    const [member, admin] = (["member", "admin"] as const).map((principal) =>
      guardEgress(dimmer, { tenant: "acme", capability: "pay", principal }),
    );
    const rest = (await member?.(`${url}/slow`))?.text();
    const admins = await admin?.(`${url}/slow`);
    dimmer.change("acme", unpaid("read_only"));
    await expect(rest).rejects.toMatchObject({ cause: { capability: "login", reason: "principal_not_admitted" } });
    await expect(member?.(url)).rejects.toMatchObject({ cause: { capability: "login" } });
    expect((await admin?.(url))?.status).toBe(200);
    await admins?.body?.cancel();
  });

  it("asks anew for every call", async () => {
    const dimmer = new LiveDimmer({ acme: locked() });
    const fetch = guardEgress(dimmer, "acme");
    await expect(fetch(url)).rejects.toMatchObject({ cause: { reason: "locked" } });
    dimmer.change("acme", {});
    expect((await fetch(url)).status).toBe(200);
  });

  it("cuts off what is under way when the capability ends", async () => {
    for (const own of [undefined, new AbortController().signal]) {
      const dimmer = new LiveDimmer({ acme: {} });
      const response = await guardEgress(dimmer, "acme")(`${url}/slow`, own === undefined ? {} : { signal: own });
      const rest = response.text();
      dimmer.change("acme", locked());
      await expect(rest).rejects.toMatchObject({ name: "AbortError", cause: { reason: "locked" } });
    }
    await vi.waitFor(() => expect(closed).toBe(2));
  });

  it("keeps to the caller's own signal, of the call and of a Request", async () => {
    const fetch = guardEgress(new LiveDimmer({ acme: {} }), "acme");
    const gone = new AbortController();
    const calls = [
      fetch(`${url}/slow`, { signal: gone.signal }),
      fetch(new Request(`${url}/slow`, { signal: gone.signal })),
    ];
    const bodies = (await Promise.all(calls)).map((response) => response.text());
    gone.abort(new Error("the caller's own"));
    for (const body of bodies) await expect(body).rejects.toThrow("the caller's own");
  });

  it("asks for its options by their names", () => {
    const dimmer = new LiveDimmer({});
    expect(() => guardEgress(dimmer, { tenat: "acme" } as never)).toThrow('did you mean "tenant"?');
    expect(() => guardEgress(dimmer, {} as never)).toThrow("guardEgress: tenant is missing");
  });
});
