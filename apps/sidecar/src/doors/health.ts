import type { Replica } from "@dimmer/feed/follow";
import type { Door } from "./door.ts";

const PLAIN = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/**
 * `/livez`: the process answers. `/readyz`: verified state and a lock list are held; until then 503, since a sidecar
 * that is ready but empty would tell a product that it may rely on what are fallbacks. Needs no token.
 */
export function healthDoors(replica: Replica): Door[] {
  return [
    {
      method: "GET",
      path: "/livez",
      reach: "health",
      counted: "other",
      answer: () => new Response("ok\n", { headers: PLAIN }),
    },
    {
      method: "GET",
      path: "/readyz",
      reach: "health",
      counted: "other",
      answer: () =>
        replica.isReady
          ? new Response("ready\n", { headers: PLAIN })
          : new Response("not ready: no verified state is held yet; answers are fallbacks\n", {
              status: 503,
              headers: { ...PLAIN, "retry-after": "1" },
            }),
    },
  ];
}
