import type { HeadPayload } from "@dimmer/statement";
import { connectRemote } from "../../src/remote/connect-remote.ts";
import type { RemoteOptions } from "../../src/remote/options.ts";
import type { RemoteDimmer } from "../../src/remote/remote-dimmer.ts";
import { type Door, feedDoor, TestServer } from "../connect/feed-server.ts";
import { type FeedContent, LiveFeed, tenant } from "../connect/live-feed.ts";
import { questionDoors } from "./question-doors.ts";

type Keep = <T extends AsyncDisposable>(item: T) => T;

/** Long enough for a busy machine: no test here waits for it to pass unless it says so. */
export const PATIENT = { timeoutMs: 5_000, pollMs: 50 } as const;

/** A feed, a server that serves it and answers questions of it, and a client of that server. */
export interface World {
  readonly feed: LiveFeed;
  readonly server: TestServer;
  readonly dimmer: RemoteDimmer;
  content: FeedContent;
  /** Stands before all other doors: what it answers, they do not. */
  before: Door;
  publish(content: FeedContent): Promise<void>;
}

/** Starts all of it; `kept` disposes of it when the test is over. */
export async function remoteWorld(
  kept: Keep,
  content: FeedContent,
  { on = "socket", ...options }: Partial<RemoteOptions> & { readonly on?: "socket" | "port" } = {},
): Promise<World> {
  const feed = kept(await LiveFeed.create(content));
  const state = { feed, content, before: (() => false) as Door };
  const doors: Door[] = [
    (req, res) => state.before(req, res),
    feedDoor(feed.directory),
    questionDoors(() => state.content),
  ];
  const server = kept(await TestServer.listen(doors, on === "socket" ? feed.socketPath("s") : undefined));
  const dimmer = kept(await connectRemote({ sidecar: server.url, trust: feed.trust, ...PATIENT, ...options }));
  return Object.assign(state, {
    server,
    dimmer,
    async publish(next: FeedContent): Promise<void> {
      state.content = next;
      await feed.publish(next);
    },
  }) as World;
}

/** What a token says, unverified. */
export function payloadOf(token: string): HeadPayload {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as HeadPayload;
}

/** Takes a request and never answers it. */
export const hang: Door = () => true;
/** Answers with a status and a body. */
export const send =
  (status: number, body: string): Door =>
  (_req, res) => {
    res.writeHead(status).end(body);
    return true;
  };
/** Closes the connection. */
export const tear: Door = (req) => {
  req.socket.destroy();
  return true;
};
const yes = { allowed: true, capability: "create", mode: "full", reason: "granted", freshness: "fresh" };
/** Answers with half an answer. */
export const garble: Door = send(200, '{"allowed":true}');
/** Allows to create. */
export const allow: Door = send(200, JSON.stringify(yes));
/** A door for questions alone: the feed is served on. */
export const onlyQuestions =
  (door: Door): Door =>
  (req, res) =>
    req.url?.startsWith("/v1/check") === true && door(req, res);

/** One that may all, one that is limited, one that reads only. */
export const entitlements = [tenant("acme"), tenant("late", "limited"), tenant("shut", "read_only")];
