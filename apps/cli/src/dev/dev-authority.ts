import { existsSync, renameSync, rmSync } from "node:fs";
import { type Authority, readAuthorityConfig, startAuthority } from "@dimmer/authority";
import type { PolicyDocument } from "@dimmer/core";
import { hasKeys } from "@dimmer/feed/node";
import { openOrCreateKeys, type PassphraseOption, passphraseOf } from "../keys.ts";
import { type DevCredentials, hasCredentials, makeCredentials, readCredentials } from "./credentials.ts";
import type { DevLayout } from "./layout.ts";
import { AUDIENCE } from "./products.ts";

/** How the authority of `dimmer dev` is started. */
export interface DevAuthorityStart extends PassphraseOption {
  readonly layout: DevLayout;
  readonly port: number;
  /** In force from the first start on, until another one is activated. */
  readonly policy: PolicyDocument;
  readonly onEvent: (line: string) => void;
}

/** The authority of `dimmer dev`. */
export interface DevAuthority extends Pick<Authority, "url" | "trust" | "now" | "close"> {
  readonly credentials: DevCredentials;
  readonly hasNewKeys: boolean;
  /** Its store was made by this start. */
  readonly isNew: boolean;
}

/** Nobody counts requests to an authority of one's own; an import of a large tenants file makes many. */
const RATE_PER_SECOND = 100_000;
const DRAIN_MS = 500;

/**
 * Starts an authority in this process: on the store of the run before, or on a new one. A store that its keys or
 * credentials are lost for is of no use to anybody: it is set aside, and a new one begun, also by those who follow it.
 *
 * @throws {DimmerError} what `startAuthority` throws
 */
export async function startDevAuthority(start: DevAuthorityStart): Promise<DevAuthority> {
  const { layout, port, policy, onEvent } = start;
  const isKept = existsSync(layout.store) && hasCredentials(layout.credentials) && (await hasKeys(layout.keys));
  if (!isKept) beginAnew(layout, onEvent);
  const { isNew: hasNewKeys } = await openOrCreateKeys(layout.keys, start);
  const passphrase = passphraseOf(start);
  const config = readAuthorityConfig({
    flags: {
      store: `sqlite:${layout.store}`,
      keys: layout.keys,
      audience: AUDIENCE,
      port: String(port),
      ratePerSecond: String(RATE_PER_SECOND),
      drainMs: String(DRAIN_MS),
      devClock: layout.clock,
      devMailbox: "true",
      logLevel: "fatal",
    },
    env: passphrase === undefined ? {} : { DIMMER_PASSPHRASE: passphrase },
  });
  const authority = await startAuthority(config, { policy });
  try {
    const { firstSecret, url, trust, now, close } = authority;
    const credentials =
      firstSecret === undefined
        ? readCredentials(layout.credentials)
        : await makeCredentials(layout.credentials, url, firstSecret);
    return { url, trust, now, close, credentials, hasNewKeys, isNew: firstSecret !== undefined };
  } catch (error) {
    await authority.close();
    throw error;
  }
}

/** A version never goes down: what replicas hold of another feed under the same keys would keep them from a new one. */
function beginAnew(layout: DevLayout, onEvent: (line: string) => void): void {
  if (existsSync(layout.store)) {
    onEvent(
      `the keys or credentials of ${layout.store} are gone: it is kept as authority.db.before, and all begins anew`,
    );
    // A database that was not closed in order has its last changes beside it.
    for (const part of ["", "-wal", "-shm"]) {
      rmSync(`${layout.store}.before${part}`, { force: true });
      if (existsSync(layout.store + part)) renameSync(layout.store + part, `${layout.store}.before${part}`);
    }
  }
  for (const path of [layout.replicas, layout.credentials, layout.applied, layout.clock])
    rmSync(path, { recursive: true, force: true });
}
