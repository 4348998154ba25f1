import { callerMistake } from "./caller-mistake.ts";

/**
 * Refuses a Node that is too old by its number, before something that it does not have is missed by its name.
 *
 * @throws {TypeError}
 */
export function checkNode(of: string, version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return;
  throw callerMistake(of, `runs on Node ${version}`, "run your product on Node 22.19 or newer");
}
