import { findApiKey } from "../../credentials/api-keys.ts";
import { bearerOf } from "../../credentials/secret.ts";
import { metricsText } from "../metrics.ts";
import { answers, type Operation } from "../operation.ts";
import { problemOf, Refusal } from "../problem.ts";

const PLAIN = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
/** A head older than this says that nobody signs, whoever should. */
const HEAD_OVERDUE_MS = 30_000;

/** Alive, ready, and the numbers of the process. */
export const healthOperations: readonly Operation[] = [
  answers({
    name: "livez",
    tag: "Health",
    method: "GET",
    path: "/livez",
    summary: "The process answers",
    access: "public",
    answers: { 200: { description: "It does.", type: "text/plain" } },
    answer: () => Promise.resolve(new Response("ok\n", { headers: PLAIN })),
  }),
  answers({
    name: "readyz",
    tag: "Health",
    method: "GET",
    path: "/readyz",
    summary: "The store answers, a feed is published and its head is signed anew",
    access: "public",
    answers: { 200: { description: "Ready.", type: "text/plain" }, 503: { description: "Not ready, and why." } },
    answer: async ({ service }) => {
      const why = await whyNotReady(service);
      if (why === undefined) return new Response("ready\n", { headers: PLAIN });
      return new Response(`not ready: ${why}\n`, { status: 503, headers: { ...PLAIN, "retry-after": "1" } });
    },
  }),
  answers({
    name: "metrics",
    tag: "Health",
    method: "GET",
    path: "/metrics",
    summary: "Numbers in the Prometheus text format",
    description: "Without a key on loopback; elsewhere any API key reads them.",
    access: "public",
    answers: {
      200: { description: "The numbers.", type: "text/plain" },
      401: { description: "A key is needed here." },
    },
    answer: async ({ service, request }) => {
      if (!service.isLocal) {
        const secret = bearerOf(request.headers.authorization);
        const key = secret === undefined ? undefined : await findApiKey(service.store.db, secret, service.now());
        if (key === undefined) throw new Refusal(problemOf("unauthenticated", "metrics take an API key here"));
      }
      const { text, type } = await metricsText(service);
      return new Response(text, { headers: { "content-type": type, "cache-control": "no-store" } });
    },
  }),
];

async function whyNotReady({
  store,
  view,
  now,
  role,
  isStopping,
}: Parameters<typeof metricsText>[0]): Promise<string | undefined> {
  if (isStopping()) return "it is stopping";
  try {
    const row = await store.db.selectFrom("feed_state").select("head_ms").where("id", "=", 1).executeTakeFirst();
    const { role: is, why } = role();
    if (row === undefined || view.version === undefined) return why ?? "nothing is published yet";
    if (is === "refusing") return why ?? "it refuses to sign";
    if (now() - row.head_ms > HEAD_OVERDUE_MS) return "no head was signed for 30 s";
    return undefined;
  } catch {
    return "the store does not answer";
  }
}
