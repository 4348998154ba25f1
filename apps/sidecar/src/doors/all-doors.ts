import type { Replica } from "@dimmer/feed/follow";
import type { Counters } from "../counters.ts";
import type { TokenIssuer } from "../token-issuer.ts";
import { docsDoors } from "./docs.ts";
import type { Door } from "./door.ts";
import { entitlementsDoor } from "./entitlements.ts";
import { explainDoor } from "./explain.ts";
import { feedDoors } from "./feed.ts";
import { healthDoors } from "./health.ts";
import { metricsDoor } from "./metrics.ts";
import { openApiDoor } from "./openapi.ts";
import { statusDoor } from "./status.ts";

/** Every door that is served through Hono; the hot ones stand beside it. */
export function allDoors(replica: Replica, counters: Counters, issuer: TokenIssuer | undefined): readonly Door[] {
  return [
    ...healthDoors(replica),
    metricsDoor(replica, counters),
    openApiDoor(),
    ...docsDoors(),
    explainDoor(replica),
    statusDoor(replica),
    entitlementsDoor(issuer),
    ...feedDoors(replica),
  ];
}
