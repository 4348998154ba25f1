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
    expect(stdout).toMatch(/^umbrella is locked, says the list [\w-]{8}…\nstatement_untrusted\n$/);
  });
});
