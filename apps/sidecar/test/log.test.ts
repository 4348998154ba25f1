import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

describe("createLog", () => {
  it("writes JSON lines to standard error from its level up, and secrets nowhere", { timeout: 30_000 }, () => {
    const module = new URL("../src/log.ts", import.meta.url).href;
    const script = `
      import { createLog } from ${JSON.stringify(module)};
      const log = createLog({ logLevel: "warn" });
      log.info({}, "quiet");
      log.warn({ token: "hunter2", request: { authorization: "hunter2" }, source: "feed" }, "loud");
    `;
    const args = ["--conditions=@dimmer/source", "--input-type=module", "--eval", script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([stdout, stderr.trim().split("\n")]).toEqual(["", [expect.any(String)]]);
    expect(stderr).not.toContain("hunter2");
    expect(JSON.parse(stderr)).toMatchObject({ level: 40, name: "dimmer-sidecar", msg: "loud", source: "feed" });
  });
});
