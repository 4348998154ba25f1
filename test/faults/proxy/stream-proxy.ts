import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Random } from "../random.ts";
import type { Stage } from "../scenario.ts";
import { eventReader, type StreamEvent } from "../stream-client.ts";

/** What becomes of one event: the events that are sent in its place, in this order. */
export type Mischief = (event: StreamEvent) => readonly StreamEvent[];

/** A proxy in front of an authority that knows events: it passes everything on, and its streams through mischief. */
export interface StreamProxy {
  readonly port: number;
  mischief: Mischief;
  /** Streams that clients have opened so far. */
  readonly streams: number;
  /** Events that were not passed on as they came. */
  readonly meddled: number;
}

/** Passes every event on. */
export const HONEST: Mischief = (event) => [event];

/** Each event twice. */
export const DOUBLING: Mischief = (event) => [event, event];

/** Holds every other event back until the next has gone out. */
export function swapping(): Mischief {
  let held: StreamEvent | undefined;
  return (event) => {
    if (held === undefined) {
      held = event;
      return [];
    }
    const late = held;
    held = undefined;
    return [event, late];
  };
}

/** Loses events now and then, and says nothing. */
export function losing(random: Random, chance: number): Mischief {
  return (event) => (random.next() < chance ? [] : [event]);
}

/** Sends old events again between the new ones: heads, lock lists and deltas of versions that are past. */
export function replaying(random: Random): Mischief {
  const past: StreamEvent[] = [];
  return (event) => {
    past.push(event);
    return [random.pick(past), event, random.pick(past)];
  };
}

/** Changes one character of a token now and then. */
export function damaging(random: Random, chance: number): Mischief {
  return (event) => {
    if (random.next() >= chance || event.data === "") return [event];
    const at = random.int(0, event.data.length - 1);
    const other = event.data[at] === "A" ? "B" : "A";
    return [{ ...event, data: `${event.data.slice(0, at)}${other}${event.data.slice(at + 1)}` }];
  };
}

/** Gives tokens under another name: a delta as a head, a head as a lock list. */
export function renaming(random: Random): Mischief {
  return (event) => [{ ...event, event: random.pick(["delta", "locks", "policy", "head"]) }];
}

/** Listens on a free port of loopback in front of the authority on another. */
export async function startStreamProxy(stage: Stage, upstream: { readonly port: number }): Promise<StreamProxy> {
  const state = { mischief: HONEST, streams: 0, meddled: 0 };
  const meddle: Mischief = (event) => {
    const made = state.mischief(event);
    if (made.length !== 1 || made[0] !== event) state.meddled += 1;
    return made;
  };
  const server = createServer((asked, answer) => {
    const isWatch = asked.url?.startsWith("/v1/feed/watch") === true;
    if (isWatch) state.streams += 1;
    pass(asked, answer, upstream.port, isWatch ? meddle : undefined);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  stage.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  return {
    port,
    get mischief() {
      return state.mischief;
    },
    set mischief(mischief) {
      state.mischief = mischief;
    },
    get streams() {
      return state.streams;
    },
    get meddled() {
      return state.meddled;
    },
  };
}

function pass(asked: IncomingMessage, answer: ServerResponse, port: number, mischief: Mischief | undefined): void {
  const { method, url, headers } = asked;
  const sent = request({ host: "127.0.0.1", port, path: url, method, headers, agent: false }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    if (mischief === undefined || response.statusCode !== 200) {
      response.pipe(answer);
      return;
    }
    answer.write(": hb\n\n");
    response.setEncoding("utf8");
    const read = eventReader((event) => {
      for (const { event: name, id, data } of mischief(event)) {
        answer.write(`event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`);
      }
    });
    response.on("data", (piece: string) => {
      if (piece.includes(": hb")) answer.write(": hb\n\n");
      read(piece);
    });
    response.on("end", () => answer.end());
    response.on("error", () => answer.destroy());
  });
  sent.on("error", () => answer.destroy());
  answer.on("close", () => sent.destroy());
  asked.pipe(sent);
}
