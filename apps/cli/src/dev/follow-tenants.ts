import { basename } from "node:path";
import type { Replica } from "@dimmer/feed/follow";
import { toFailure } from "../failure.ts";
import type { Fed, FileFeeder } from "./file-feeder.ts";
import { watchFile } from "./watch-file.ts";

/** What follows what. */
export interface FollowTenantsOptions {
  readonly tenantsFile: string;
  readonly feeder: FileFeeder;
  /** The sidecar's: asked to look at once, and listened to. */
  readonly replica: Replica;
  readonly onEvent: (line: string) => void;
}

/** More tenants than this are told by their number. */
const MAX_TOLD = 12;

/**
 * Brings the tenants file to the authority each time it is saved, and tells whose mode changed, be it by that, by the API
 * or by a signed step whose time has come. What is at fault is told with file, line and field; nothing of it is written.
 */
export function followTenants({ tenantsFile, feeder, replica, onEvent }: FollowTenantsOptions): { close(): void } {
  const name = basename(tenantsFile);
  let changes: string[] = [];
  let isTelling = false;
  const tell = (): void => {
    isTelling = false;
    const told = changes.length > MAX_TOLD ? [`${changes.length} tenants changed their mode`] : changes;
    changes = [];
    for (const line of told) onEvent(line);
  };
  const unsubscribe = replica.subscribe((event) => {
    if (event.type === "refused") onEvent(`the sidecar refused an update of ${event.source}: ${event.message}`);
    if (event.type !== "mode") return;
    const { tenant, from, to } = event;
    changes.push(from === to ? `${tenant} stays in ${to}, with other rights` : `${tenant}: ${from} → ${to}`);
    if (!isTelling) setImmediate(tell);
    isTelling = true;
  });
  const feed = async (): Promise<void> => {
    try {
      const fed = await feeder.feed();
      await replica.refresh();
      for (const line of toldOf(name, fed)) onEvent(line);
    } catch (cause) {
      onEvent(`not applied, all stays as it was: ${toFailure(cause).message}`);
    }
  };
  const watch = watchFile(tenantsFile, (text) => {
    if (text === undefined) onEvent(`${tenantsFile} is gone; all stays as it was`);
    else void feed();
  });
  return {
    close: () => {
      watch.close();
      unsubscribe();
    },
  };
}

function toldOf(name: string, { changed, faults, changeSets, version }: Fed): string[] {
  const carried = version === undefined ? "" : `, version ${version}`;
  const what =
    changed === 0 ? "says what it said before" : `${changed} ${changed === 1 ? "tenant" : "tenants"} changed`;
  return [
    `${name}: ${what}${carried}`,
    ...faults.map((fault) => `not applied: ${fault}`),
    ...changeSets.map((set) => `it narrows too much at once and waits: npx dimmer change-set approve ${set}`),
  ];
}
