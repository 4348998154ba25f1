import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { dimmer, firstLine, jsonOf, scratch, startDimmer } from "../run-dimmer.ts";

/** Starts a server of the command and gives what it says about itself; it is ended in order. */
async function serving(args: readonly string[], cwd: string): Promise<Record<string, unknown>> {
  const child: ChildProcess = startDimmer([...args, "--json", "--log-level", "silent"], { cwd });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });
  return JSON.parse(await firstLine(child)) as Record<string, unknown>;
}

describe("an authority and a sidecar, each by its own command", () => {
  it("step a tenant down and back, as the README shows it", async () => {
    const cwd = scratch();
    const authority = await serving(["authority", "--data", "data", "--port", "0"], cwd);
    const env = { DIMMER_AUTHORITY: String(authority["url"]), DIMMER_API_KEY: String(authority["firstApiKey"]) };
    const run = async (...args: string[]): Promise<Record<string, unknown>> => {
      const done = await dimmer([...args, "--json"], { cwd, env });
      expect(done).toMatchObject({ stderr: "" });
      return jsonOf(done);
    };
    await run("tenant", "add", "acme", "--plan", "pro");
    await run("fleet", "credential", "sidecars", "--out", "fleet.key");
    await run("api-key", "create", "sato", "--role", "collections", "--out", "sato.key");
    const feed = ["--feed", String(authority["url"]), "--feed-token-file", "fleet.key"];
    const where = ["--port", "0", "--socket", join(cwd, "s.sock")];
    const sidecar = await serving(["sidecar", ...feed, "--trust", String(authority["trust"]), ...where], cwd);
    const mode = async (expected: string): Promise<void> => {
      const url = String(sidecar["url"]);
      await vi.waitFor(
        async () =>
          expect(jsonOf(await dimmer(["check", "acme", "create", "--sidecar", url, "--json"]))["mode"]).toBe(expected),
        { timeout: 20_000, interval: 50 },
      );
    };
    await mode("full");
    const asSato = ["--api-key-file", "sato.key"];
    expect(await run("tenant", "restrict", "acme", "limited", ...asSato)).toMatchObject({ isChanged: true });
    await mode("limited");
    expect(await run("tenant", "pay", "acme", ...asSato)).toMatchObject({ isChanged: true });
    await mode("full");
  });
});
