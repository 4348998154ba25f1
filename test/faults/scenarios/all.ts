import type { Scenario } from "../scenario.ts";
import { authorityColdStart } from "./authority-cold-start.ts";
import { authorityHung } from "./authority-hung.ts";
import { authorityKilled } from "./authority-killed.ts";
import { badLine } from "./bad-line.ts";
import { clockJumps } from "./clock-jumps.ts";
import { corruptSnapshot } from "./corrupt-snapshot.ts";
import { diskFullAuthority } from "./disk-full-authority.ts";
import { diskFullReplica } from "./disk-full-replica.ts";
import { frozenFeed } from "./frozen-feed.ts";
import { halfOpen } from "./half-open.ts";
import { killAuthority } from "./kill-authority.ts";
import { killSidecar } from "./kill-sidecar.ts";
import { killStreamingSidecar } from "./kill-streaming-sidecar.ts";
import { millionTenants } from "./million-tenants.ts";
import { poisonedUpdates } from "./poisoned-updates.ts";
import { powerLossPostgres } from "./power-loss-postgres.ts";
import { powerLossReplica } from "./power-loss-replica.ts";
import { powerLossSqlite } from "./power-loss-sqlite.ts";
import { reconnectStorm } from "./reconnect-storm.ts";
import { slowFeed } from "./slow-feed.ts";
import { streamFrames } from "./stream-frames.ts";
import { tornWrites } from "./torn-writes.ts";

/** Every scenario, in the order of the reliability page. */
export const SCENARIOS: readonly Scenario[] = [
  authorityColdStart,
  authorityKilled,
  authorityHung,
  halfOpen,
  badLine,
  slowFeed,
  frozenFeed,
  poisonedUpdates,
  streamFrames,
  diskFullReplica,
  diskFullAuthority,
  corruptSnapshot,
  tornWrites,
  killSidecar,
  killStreamingSidecar,
  killAuthority,
  powerLossReplica,
  powerLossSqlite,
  powerLossPostgres,
  clockJumps,
  reconnectStorm,
  millionTenants,
];
