import { basename } from "node:path";
import type { Replica } from "@dimmer/feed/follow";
import { toFailure } from "../failure.ts";
import type { Publisher } from "./publisher.ts";
import { watchFile } from "./watch-file.ts";

/** What follows what. */
export interface FollowTenantsOptions {
  readonly tenantsFile: string;
  readonly publisher: Publisher;
  /** The sidecar's: asked to look at once, and listened to. */
  readonly replica: Replica;
  readonly onEvent: (line: string) => void;
}

/** More tenants than this are told by their number. */
const MAX_TOLD = 12;

/**
 * Signs the tenants file anew each time it is saved, and tells whose mode changed, be it by that or by a signed step
 * whose time has come. What cannot be signed is told with file, line and field; the last good feed stays in force.
 */
export function followTenants({ tenantsFile, publisher, replica, onEvent }: FollowTenantsOptions): { close(): void } {
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
  const publish = async (): Promise<void> => {
    try {
      const { version, changed, counts } = await publisher.publish();
      await replica.refresh();
      const what = changed ? `signed as version ${version.epoch}.${version.seq}` : "says what it said before";
      onEvent(`${name} ${what}: ${counts.tenants} tenants, ${counts.restricted} restricted, ${counts.locked} locked`);
    } catch (cause) {
      onEvent(`not signed, the last good feed stays in force: ${toFailure(cause).message}`);
    }
  };
  const watch = watchFile(tenantsFile, (text) => {
    if (text === undefined) onEvent(`${tenantsFile} is gone; the last good feed stays in force`);
    else void publish();
  });
  return {
    close: () => {
      watch.close();
      unsubscribe();
    },
  };
}
