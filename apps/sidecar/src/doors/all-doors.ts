import type { Replica } from "@dimmer/feed/follow";
import type { Counters } from "../counters.ts";
import type { FeedStreams } from "../feed-streams.ts";
import type { TokenIssuer } from "../token-issuer.ts";
import type { Webhooks } from "../webhooks/open-webhooks.ts";
import { ackDoor } from "./ack.ts";
import { authzenConfigurationDoor } from "./authzen/configuration.ts";
import { docsDoors } from "./docs.ts";
import type { Door } from "./door.ts";
import { entitlementsDoor } from "./entitlements.ts";
import { explainDoor } from "./explain.ts";
import { feedDoors } from "./feed.ts";
import { healthDoors } from "./health.ts";
import { metricsDoor } from "./metrics.ts";
import { type RefetchStreams, refetchDoor } from "./ofrep/events.ts";
import { openApiDoor } from "./openapi.ts";
import { statusDoor } from "./status.ts";
import { watchDoor } from "./watch.ts";
import { webhookDoors } from "./webhooks.ts";

/** What the doors stand on. */
export interface DoorParts {
  readonly replica: Replica;
  readonly streams: FeedStreams;
  readonly refetches: RefetchStreams;
  readonly counters: Counters;
  readonly issuer: TokenIssuer;
  /** Left out where no endpoints are configured: the doors then say so. */
  readonly webhooks?: Webhooks | undefined;
}

/** Every door that is served through Hono; the hot ones stand beside it. */
export function allDoors({ replica, streams, refetches, counters, issuer, webhooks }: DoorParts): readonly Door[] {
  return [
    ...healthDoors(replica),
    metricsDoor(replica, streams, counters, webhooks),
    openApiDoor(),
    authzenConfigurationDoor(),
    ...docsDoors(),
    explainDoor(replica),
    statusDoor(replica),
    entitlementsDoor(issuer),
    ...feedDoors(replica),
    watchDoor(replica, streams),
    ackDoor(replica),
    refetchDoor(refetches),
    ...webhookDoors(webhooks),
  ];
}
