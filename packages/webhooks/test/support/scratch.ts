import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A path in a directory of its own that is gone when the test is over. */
export function scratchPath(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), "dimmer-webhooks-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}
