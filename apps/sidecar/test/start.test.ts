import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { readSidecarConfig, startSidecar } from "../src/index.ts";
import { ask } from "./http-client.ts";
import { rawConnection } from "./raw-connection.ts";
import { type RunOptions, runSidecar, testFeed } from "./running-sidecar.ts";
import { scratchDirectory, scratchFile } from "./scratch.ts";

const TOKEN = "0123456789abcdef0123";
const question = '{"tenant":"acme","capability":"view"}';
const head = `POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${question.length}\r\n\r\n`;

/** What a few doors of every reach answer over TCP. */
async function statusesOverTcp(
  options: RunOptions,
  headers: Record<string, string> = {},
): Promise<Record<string, number>> {
  const { askTcp } = await runSidecar(await testFeed(), options);
  const paths = [
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/v1/status",
    "/v1/tenants/acme",
    "/v1/feed/head",
    "/v1/entitlements/acme",
  ];
  const statuses: Record<string, number> = {};
  for (const path of paths) statuses[path] = (await askTcp(path, { headers })).status;
  statuses["/v1/check"] = (await askTcp("/v1/check", { body: question, headers })).status;
  statuses["/v1/checks"] = (await askTcp("/v1/checks", { body: `{"checks":[${question}]}`, headers })).status;
  return statuses;
}

describe("startSidecar over TCP", () => {
  const checks = {
    "/livez": 200,
    "/readyz": 200,
    "/metrics": 200,
    "/openapi.json": 200,
    "/docs": 200,
    "/v1/check": 200,
    "/v1/checks": 200,
  };

  it("serves checks, health and metrics unless told otherwise", async () => {
    const closed = { "/v1/status": 403, "/v1/tenants/acme": 403, "/v1/feed/head": 403, "/v1/entitlements/acme": 403 };
    expect(await statusesOverTcp({})).toEqual({ ...checks, ...closed });
  });

  it("serves all but the feed with --tcp full, and the feed to who bears the token", async () => {
    const tokenFile = scratchFile("token", TOKEN);
    const open = { ...checks, "/v1/status": 200, "/v1/tenants/acme": 200 };
    const flags = { tcp: "full" };
    expect(await statusesOverTcp({ flags })).toEqual({ ...open, "/v1/feed/head": 403, "/v1/entitlements/acme": 403 });
    expect(await statusesOverTcp({ flags: { ...flags, tokenFile } })).toEqual({
      ...open,
      "/v1/feed/head": 401,
      "/v1/entitlements/acme": 401,
    });
    expect(await statusesOverTcp({ flags: { ...flags, tokenFile } }, { authorization: `Bearer ${TOKEN}` })).toEqual({
      ...open,
      "/v1/feed/head": 200,
      "/v1/entitlements/acme": 501,
    });
  });

  it("serves nothing but health beyond loopback without the token", async () => {
    const flags = { host: "0.0.0.0", tcp: "full", tokenFile: scratchFile("token", TOKEN) };
    const statuses = await statusesOverTcp({ flags });
    const { "/livez": live, "/readyz": ready, ...others } = statuses;
    expect([live, ready, ...new Set(Object.values(others))]).toEqual([200, 200, 401]);
    expect(await statusesOverTcp({ flags }, { authorization: `Bearer ${TOKEN}`, host: "sidecar" })).toMatchObject({
      "/v1/check": 200,
      "/v1/feed/head": 200,
    });
    expect(new Set(Object.values(await statusesOverTcp({ flags }, { authorization: "Bearer wrong" })))).toEqual(
      new Set([401]),
    );
  });

  it("turns away who names another host, at every door, and not over the socket", async () => {
    const { askTcp, ask: askSocket } = await runSidecar(await testFeed());
    for (const path of ["/v1/check", "/livez", "/nowhere"]) {
      const answer = await askTcp(path, { body: question, headers: { host: "evil.example" } });
      expect([answer.status, answer.headers["content-type"]]).toEqual([421, "application/problem+json"]);
    }
    expect((await askSocket("/v1/check", { body: question, headers: { host: "evil.example" } })).status).toBe(200);
  });

  it("takes no request that names a target in absolute form for one of its own", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    for (const target of ["http://evil.example/v1/check", "http://127.0.0.1/livez", "*"]) {
      expect((await askTcp(target, { body: question })).status, target).toBe(400);
      expect((await askTcp(target, { method: "OPTIONS" })).status, target).toBe(400);
    }
  });

  it("does not listen on TCP where it is off", async () => {
    const { tcp } = await runSidecar(await testFeed(), { flags: { tcp: "off" } });
    expect(tcp).toBeUndefined();
  });
});

describe("startSidecar", () => {
  it("refuses to start on a port that is taken, and leaves no socket behind", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const feed = await testFeed();
    const socket = join(scratchDirectory(), "s");
    const config = readSidecarConfig({ flags: { feed: feed.directory, trust: feed.trust, socket, port } });
    const logged: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void logged.push(line) });
    await expect(startSidecar(config, { log })).rejects.toMatchObject({
      code: "listen_failed",
      message: expect.stringContaining(`--port ${port}: is taken on 127.0.0.1`) as unknown,
    });
    expect(existsSync(socket)).toBe(false);
    expect(logged.join(""), "it never ran, so it does not stop").not.toContain('"stopped"');
  });

  it.each([
    ["tokenFile", "options_invalid", "--token-file "],
    ["feedTokenFile", "options_invalid", "--feed-token-file "],
    ["routes", "options_invalid", "--routes "],
    ["keys", "keys_unreadable", ""],
    ["fallbackPolicy", "disk_failed", ""],
  ])("refuses to start where the file of %s is missing", async (option, code, begin) => {
    const missing = join(scratchDirectory(), "missing");
    const message = expect.stringContaining(`${begin}${missing}`) as unknown;
    await expect(runSidecar(await testFeed(), { flags: { [option]: missing } })).rejects.toMatchObject({
      code,
      message,
    });
  });

  it("answers by the fallback policy until one is held", async () => {
    const { standardPolicy } = await import("@dimmer/core");
    const policy = { ...standardPolicy, fallback: { no_data: { "*": "deny" }, unknown_tenant: { "*": "deny" } } };
    const fallbackPolicy = scratchFile("policy.json", JSON.stringify(policy));
    const feed = await testFeed();
    const empty = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const { ask: askSidecar } = await runSidecar(empty, { flags: { fallbackPolicy }, isAwaited: false });
    expect((await askSidecar("/v1/check", { body: question })).json()).toMatchObject({
      allowed: false,
      reason: "no_data",
    });
  });

  it("tells of variables that it ignores, and never logs a token", async () => {
    const tokenFile = scratchFile("token", TOKEN);
    const { logged, askTcp } = await runSidecar(await testFeed(), { flags: { tokenFile }, env: { DIMMER_PROT: "1" } });
    await askTcp("/v1/check", { body: question, headers: { authorization: `Bearer ${TOKEN}` } });
    await askTcp("/v1/check", { body: question, headers: { authorization: "Bearer a-wrong-token-of-some-length" } });
    expect(logged.join("")).toContain("DIMMER_PROT");
    expect(logged.join("")).not.toMatch(/0123456789abcdef|a-wrong-token/);
  });

  it("logs no tenant that is asked about", async () => {
    const { logged, ask: askSidecar } = await runSidecar(await testFeed());
    for (const tenant of ["unpaid", "nobody-knows-me", ".."]) {
      await askSidecar("/v1/check", { body: { tenant, capability: "create" } });
      await askSidecar(`/v1/tenants/${tenant}`);
    }
    expect(logged.filter((line) => !line.includes('"level":20')).join("")).not.toMatch(/unpaid|nobody-knows-me/);
  });

  it("follows a feed of another sidecar, with its token", async () => {
    const feed = await testFeed();
    const tokenFile = scratchFile("token", TOKEN);
    const first = await runSidecar(feed, { flags: { tcp: "full", tokenFile } });
    const flags = { feed: [`http://127.0.0.1:${first.port}`], feedTokenFile: tokenFile };
    const second = await runSidecar(feed, { flags });
    expect((await second.ask("/v1/check", { body: { tenant: "locked", capability: "view" } })).json()).toMatchObject({
      allowed: false,
      reason: "locked",
      version: "1.1",
    });
  });

  it("keeps the last good state when its feed directory vanishes or becomes garbage", async () => {
    const feed = await testFeed();
    const { ask: askSidecar, replica } = await runSidecar(feed);
    const denied = { allowed: false, reason: "locked" };
    rmSync(feed.directory, { recursive: true });
    await replica.refresh();
    expect((await askSidecar("/v1/check", { body: { tenant: "locked", capability: "view" } })).json()).toMatchObject(
      denied,
    );
    writeFileSync(feed.directory, Buffer.alloc(1_000, 0xff));
    await replica.refresh();
    expect((await askSidecar("/v1/check", { body: { tenant: "locked", capability: "view" } })).json()).toMatchObject(
      denied,
    );
  });
});

describe("close", () => {
  it("lets a request under way finish, closes the connection behind it, and takes no new one", async () => {
    const sidecar = await runSidecar(await testFeed());
    const connection = await rawConnection({ path: sidecar.socketPath });
    const idle = await rawConnection({ path: sidecar.socketPath });
    connection.socket.write(head + question.slice(0, 10));
    await expect
      .poll(async () => (await sidecar.askTcp("/metrics")).text, { interval: 5 })
      .toContain('{door="check"} 1');
    const closing = sidecar.close();
    await idle.closed();
    await expect(ask({ socketPath: sidecar.socketPath }, "/livez")).rejects.toThrow(/ENOENT|ECONNREFUSED/);
    await expect(ask({ port: sidecar.port }, "/livez")).rejects.toThrow("ECONNREFUSED");
    connection.socket.write(question.slice(10));
    const received = await connection.closed();
    expect(received).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
    expect(received).toContain('"allowed":true');
    await closing;
    expect(existsSync(sidecar.socketPath)).toBe(false);
  });

  it("cuts off after drainMs who does not finish", async () => {
    const sidecar = await runSidecar(await testFeed(), { flags: { drainMs: 50 } });
    const connection = await rawConnection({ path: sidecar.socketPath });
    connection.socket.write(head + question.slice(0, 10));
    await expect
      .poll(async () => (await sidecar.askTcp("/metrics")).text, { interval: 5 })
      .toContain('{door="check"} 1');
    await sidecar.close();
    expect(await connection.closed()).toBe("");
  });

  it("may be called twice, and before anything is held", async () => {
    const feed = await testFeed();
    const empty = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const sidecar = await runSidecar(empty, { isAwaited: false });
    await Promise.all([sidecar.close(), sidecar.close()]);
    await sidecar.close();
  });

  it("leaves no handle that keeps the process alive", { timeout: 30_000 }, async () => {
    const feed = await testFeed();
    const script = `
      import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
      const config = readSidecarConfig({ flags: ${JSON.stringify({
        feed: [feed.directory],
        trust: [feed.trust],
        port: 0,
        logLevel: "silent",
        data: join(scratchDirectory(), "data"),
      })} });
      const sidecar = await startSidecar(config);
      await sidecar.replica.ready();
      const answer = await fetch("http://127.0.0.1:" + sidecar.tcp.port + "/v1/check", { method: "POST", body: ${JSON.stringify(question)} });
      console.log(JSON.stringify(await answer.json()));
      await sidecar.close();
    `;
    const { execFileSync } = await import("node:child_process");
    const output = execFileSync(
      process.execPath,
      ["--conditions=@dimmer/source", "--input-type=module", "--eval", script],
      { cwd: import.meta.dirname, encoding: "utf8", timeout: 20_000 },
    );
    expect(JSON.parse(output)).toMatchObject({ allowed: true, version: "1.1" });
  });
});
