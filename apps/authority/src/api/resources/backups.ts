import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { backupStream } from "../../backup/write-backup.ts";
import { writeLedger } from "../../changes/record-change.ts";
import { answers, type Operation } from "../operation.ts";
import { malformed, problemOf, Refusal } from "../problem.ts";
import { actorOf, readCorrelation, readReason } from "../serve-write.ts";
import type { Service } from "../service.ts";

/** Stores of which a backup is on its way: a second one at once would only make both slower. */
const busy = new WeakSet<Service>();

/** Backups: the whole store as one stream, taken while the authority runs. */
export const backupOperations: readonly Operation[] = [
  answers({
    name: "takeBackup",
    tag: "Backups",
    method: "POST",
    path: "/v1/backups",
    summary: "A backup of the whole store as it stands now, as `dimmer authority backup` keeps it",
    description:
      "Whole only where its last line says so: the command checks that. On SQLite it takes as much room beside the " +
      "database as the database has, for as long as it lasts. The reason goes into the header Dimmer-Reason.",
    access: ["admin"],
    answers: {
      200: { description: "The backup.", type: "application/gzip" },
      503: { description: "Another backup is on its way." },
    },
    answer: async ({ service, key, request }) => {
      const { headers } = request;
      const reason = readReason(headers["dimmer-reason"]?.toString());
      if (reason === undefined) throw malformed("reason", "say why, as the header Dimmer-Reason");
      if (key === undefined) throw new Refusal(problemOf("unauthenticated", "a backup takes an API key"));
      if (busy.has(service)) {
        throw new Refusal(problemOf("unavailable", "another backup is on its way; take yours when it is done"));
      }
      const correlationId = readCorrelation(headers["dimmer-correlation"]);
      const actor = actorOf(key, { roles: ["admin"], what: "a backup", reason, correlationId });
      const nowMs = service.now();
      busy.add(service);
      try {
        await service.store.transact((queries) =>
          writeLedger(queries, actor, { action: "backup.take", subject: "store:all" }, nowMs),
        );
      } catch (error) {
        busy.delete(service);
        throw error;
      }
      const bytes = backupStream(service.store, nowMs);
      bytes.once("close", () => busy.delete(service));
      bytes.once("error", (error) => service.log.error({ err: error }, "a backup broke off"));
      return new Response(Readable.toWeb(bytes) as ReadableStream as never, {
        headers: {
          "content-type": "application/gzip",
          "cache-control": "no-store",
          "dimmer-correlation": correlationId,
        },
      });
    },
  }),
];
