import { followFeed } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import { Arrivals } from "./crew.ts";

/** Replicas of one feed, in memory. `node replicas-process.ts URL TRUST TOKEN COUNT` */
const [url = "", trust = "", token = "", count = ""] = process.argv.slice(2);
const arrivals = new Arrivals(Number(count));
const replicas = Array.from({ length: Number(count) }, () =>
  followFeed({ sources: [httpSource(url, { token })], trust: [trust], clock: systemClock() }),
);
for (const [follower, replica] of replicas.entries()) {
  let last = -1;
  replica.subscribe(() => {
    const { version } = replica;
    if (version === undefined || version.seq === last) return;
    last = version.seq;
    arrivals.note(follower, version);
  });
}
await Promise.all(replicas.map((replica) => replica.ready()));
arrivals.ready();
process.on("SIGTERM", () => void Promise.all(replicas.map((replica) => replica.close())).then(() => process.exit(0)));
