import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** What was last brought from files to the authority: against it a file has changed, or has not. */
export interface AppliedState {
  /** Path and text of the tenants file. */
  readonly tenants: { readonly file: string; readonly text: string } | undefined;
  /** The policy document as JSON. */
  readonly policy: string | undefined;
}

const schema = z.object({
  tenants: z.object({ file: z.string(), text: z.string() }).optional(),
  policy: z.string().optional(),
});

/** Reads what was applied; nothing where there is no such file, or it is damaged. Never throws. */
export function readApplied(path: string): AppliedState {
  try {
    const { tenants, policy } = schema.parse(JSON.parse(readFileSync(path, "utf8")));
    return { tenants, policy };
  } catch {
    return { tenants: undefined, policy: undefined };
  }
}

/** Keeps what was applied, whole or not at all. @throws what the file system throws */
export function writeApplied(path: string, state: AppliedState): void {
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
