import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { dimmer, EXAMPLES, firstLine, jsonOf, scratch, startDimmer } from "../run-dimmer.ts";

const TRUST = `SHA256:${"A".repeat(43)}`;

describe("sidecar", () => {
  it("serves a feed on a socket and a port until it is told to stop, and refuses a port that is taken", async () => {
    const cwd = scratch();
    const built = await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "feed"], { cwd });
    const feed = ["--feed", "feed", "--trust", built.stdout.trim(), "--poll", "100ms"];
    const child = startDimmer(["sidecar", ...feed, "--socket", "s.sock", "--port", "0", "--data", "data", "--json"], {
      cwd,
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const { url, socket, pid } = JSON.parse(await firstLine(child)) as { url: string; socket: string; pid: number };
    expect({ socket, pid }).toEqual({ socket: "unix:s.sock", pid: child.pid });
    const no = await dimmer(["check", "acme", "create", "--sidecar", socket, "--json"], { cwd });
    expect(jsonOf(no)).toMatchObject({ allowed: false, cause: "nonpayment", case: "case_acme_42" });
    const verified = await dimmer(["feed", "verify", "unix:s.sock", "--trust", built.stdout.trim()], { cwd });
    expect(verified.stdout).toMatch(/^unix:s\.sock: valid, version 1\.1, 15 tenants/);

    const { port } = new URL(url);
    const second = await dimmer(["sidecar", ...feed, "--port", port], { cwd });
    expect(second).toMatchObject({ status: 3, stdout: "" });
    expect(second.stderr).toMatch(new RegExp(`^dimmer: --port ${port}: is taken on 127\\.0\\.0\\.1\\..*$`, "m"));

    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });

  it("prints its configuration with secrets hidden, and where each value comes from", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "sidecar.yaml"), `port: 7400\nfeed: feed\ntrust: ${TRUST}\n`);
    const env = { DIMMER_POLL_MS: "700", DIMMER_PASSPHRASE: "correct horse" };
    const args = ["sidecar", "--config", "sidecar.yaml", "--keys", "keys", "--print-config"];
    const run = await dimmer(args, { cwd, env });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toContain("port: 7400 # sidecar.yaml\n");
    expect(run.stdout).toContain("pollMs: 700 # DIMMER_POLL_MS\n");
    expect(run.stdout).toContain("keys: keys # --keys\n");
    expect(run.stdout).not.toContain("horse");
    const json = await dimmer([...args, "--json"], { cwd, env });
    expect(jsonOf(json)).toMatchObject({ port: 7400, passphrase: "(hidden)", origins: { port: "sidecar.yaml" } });
  });

  it("refuses options at fault in one line with exit code 2", async () => {
    const run = await dimmer(["sidecar", "--feed", "feed", "--trust", "nobody", "--port", "70000"], { cwd: scratch() });
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(
      /^dimmer: --trust "nobody": must be SHA256:[^\n]+--port "70000": must be a whole number[^\n]+\n$/,
    );
    expect((await dimmer(["sidecar"])).status).toBe(2);
  });
});
