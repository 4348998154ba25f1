import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { freePorts } from "../dev/ports.ts";
import { type DevState, isRunning } from "../dev-state.ts";
import { toFailure } from "../failure.ts";
import { type PassphraseOption, passphraseOf } from "../keys.ts";
import { type Finding, fault, fine, remark } from "./finding.ts";

const LEAST_FREE_BYTES = 100 * 1_048_576;

/** Looks at a key directory: that it is there, can be opened, and is nobody else's. */
export async function checkKeys(dir: string, option: PassphraseOption): Promise<Finding[]> {
  const { hasKeys, openIssuingKeys } = await import("@dimmer/feed/node");
  if (!(await hasKeys(dir))) {
    return [
      remark("keys", `${dir}: no keys are there`, 'make some with "dimmer keys init", or name others with --keys'),
    ];
  }
  try {
    const passphrase = passphraseOf(option);
    const { warnings } = await openIssuingKeys(dir, passphrase === undefined ? {} : { passphrase });
    if (warnings.length === 0) return [fine("keys", `${dir}: can be opened, and by their owner alone`)];
    return warnings.map((warning) => fault("keys", warning, `chmod 700 ${dir}; chmod 600 ${dir}/*.jwk`));
  } catch (cause) {
    return [fault("keys", toFailure(cause).message, "give the passphrase by DIMMER_PASSPHRASE, or name other keys")];
  }
}

/** Looks at the store of a development authority: that it can be written, and that the disk has room. */
export function checkStore(dir: string): Finding[] {
  const store = join(dir, "authority.db");
  if (!existsSync(store)) return [remark("store", `${store}: not there yet; "dimmer dev" makes it`)];
  try {
    accessSync(store, constants.R_OK | constants.W_OK);
    accessSync(dirname(store), constants.W_OK);
  } catch (cause) {
    return [fault("store", toFailure(cause).message, `let ${store} and its directory be written by who runs it`)];
  }
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  const room = `${Math.floor(free / 1_048_576)} MiB free`;
  if (free < LEAST_FREE_BYTES) {
    return [fault("store", `${store}: ${room}`, "make room: what cannot be written is not signed")];
  }
  const findings = [fine("store", `${store}: ${(statSync(store).size / 1_048_576).toFixed(1)} MiB, ${room}`)];
  const journal = statSync(`${store}-wal`, { throwIfNoEntry: false });
  const isLarge = (journal?.size ?? 0) > LEAST_FREE_BYTES;
  if (isLarge) findings.push(remark("store", `${store}-wal is large`, "something reads it for very long; restart it"));
  return findings;
}

const PORTS = [
  { port: 7300, by: "the authority", flag: "--authority-port" },
  { port: 7301, by: "the sidecar", flag: "--port" },
  { port: 7302, by: "the notes product", flag: "--notes-port" },
  { port: 7303, by: "the Python product", flag: "--python-port" },
] as const;

/** Looks at whether the ports of `dimmer dev` are free, where it does not run itself. */
export async function checkPorts(state: DevState | undefined): Promise<Finding[]> {
  if (state !== undefined && isRunning(state)) {
    return [fine("ports", `"dimmer dev" runs as process ${state.pid}: authority ${state.authority}`)];
  }
  const findings: Finding[] = [];
  for (const wanted of PORTS) {
    try {
      await freePorts([wanted]);
    } catch (cause) {
      findings.push(remark("ports", toFailure(cause).message));
    }
  }
  return findings.length > 0 ? findings : [fine("ports", '7300 to 7303 are free for "dimmer dev"')];
}
