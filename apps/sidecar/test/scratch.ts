import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new directory that is gone when the test is over. Short, since a Unix socket may lie in it. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "dimmer-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A new file with this content. */
export function scratchFile(name: string, content: string): string {
  const path = join(scratchDirectory(), name);
  writeFileSync(path, content);
  return path;
}
