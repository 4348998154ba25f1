// Opens a watch and forgets it: `node watching-process.ts URL`. It never calls `process.exit`.
import { httpSource } from "@dimmer/feed/node";

const source = httpSource(process.argv[2] ?? "");
const events = source.watch?.({ epoch: 1, seq: 1 }, { tenants: true }, new AbortController().signal);
const watch = events?.[Symbol.asyncIterator]();
const waiting = setInterval(() => undefined, 1_000);
const first = await watch?.next();
clearInterval(waiting);
if (first?.value?.event !== "beat") throw new Error(`not a beat: ${JSON.stringify(first)}`);
void watch?.next();
