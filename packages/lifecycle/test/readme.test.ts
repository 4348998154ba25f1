import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

describe("the README", () => {
  it("has an example that runs", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
    const flags = ["--conditions=@dimmer/source", "--input-type=module", "--eval", code];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: packageFolder });
    expect(stdout).toContain("limited 2027-01-07T09:00:00+09:00 pay until 2027-01-06T23:59:00+09:00\n");
    expect(stdout).toContain("send_notice due_day inv_1@2026-12-25#0\n");
    expect(stdout).toContain("2027-01-11  Coming of Age Day (jp-bank)");
  });
});
