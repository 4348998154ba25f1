import type { Server } from "node:http";
import type { DimmerError } from "@dimmer/core";
import { followFeed, type Replica, type ReplicaClock } from "@dimmer/feed/follow";
import { diskStore, openKeyDirectory, readPolicyFile, systemClock } from "@dimmer/feed/node";
import { compileRoutes } from "@dimmer/sdk/routes";
import type { Signer } from "@dimmer/statement";
import type { Logger } from "pino";
import { createApp } from "./app.ts";
import { closeInTurn } from "./close-in-turn.ts";
import { hideUserinfo } from "./config/audience.ts";
import type { SidecarConfig } from "./config/read.ts";
import { createCounters } from "./counters.ts";
import { createDispatch } from "./dispatch.ts";
import { allDoors } from "./doors/all-doors.ts";
import { createCheckDesk } from "./doors/check.ts";
import { hotRoutes } from "./doors/hot-routes.ts";
import { RefetchStreams } from "./doors/ofrep/events.ts";
import { sourcesOf } from "./feed-sources.ts";
import { FeedStreams } from "./feed-streams.ts";
import { HotRoutes } from "./hot-routes.ts";
import { type Admission, admitToSocket, type Reach, reachWithToken, tcpAdmission } from "./listen/admission.ts";
import { createHttpServer, drainServer, type ServerTimeouts } from "./listen/server.ts";
import { listenOnSocket } from "./listen/socket.ts";
import { listenOnTcp, type TcpAddress } from "./listen/tcp.ts";
import { bearerCheck, readTokenFile } from "./listen/token.ts";
import { createLog } from "./log.ts";
import { readRouteFile } from "./route-file.ts";
import { createTokenFetcher } from "./token-fetcher.ts";
import { createTokenIssuer } from "./token-issuer.ts";

/** What a test, or a process that embeds the sidecar, may put in the place of the machine's own. */
export interface SidecarPorts {
  /** Default: the machine's clock. */
  readonly clock?: ReplicaClock;
  /** Default: pino to standard error, at the configured level. */
  readonly log?: Logger;
  readonly timeouts?: ServerTimeouts;
}

/** A sidecar that runs. */
export interface Sidecar {
  readonly replica: Replica;
  readonly socketPath?: string;
  readonly tcp?: TcpAddress;
  /** Stops accepting, sends followers away, lets requests and webhooks under way finish within `drainMs`, closes the replica. Never rejects. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a sidecar: it listens at once and answers with fallbacks until its replica is ready (`/readyz` tells). Faults of
 * the feed and of the disk never stop it; mistakes in the configuration and a socket or port that is taken do.
 *
 * @throws {DimmerError} `options_invalid`, `keys_unreadable`, `disk_failed` (the store of webhooks) or `listen_failed`,
 *   saying what to change
 */
export async function startSidecar(config: SidecarConfig, ports: SidecarPorts = {}): Promise<Sidecar> {
  const log = ports.log ?? createLog(config);
  if (config.ignoredVariables.length > 0) {
    log.warn({ variables: config.ignoredVariables }, "these variables name no option of the sidecar and are ignored");
  }
  const token = config.tokenFile === undefined ? undefined : readTokenFile(config.tokenFile, "--token-file");
  const routes = config.routes === undefined ? compileRoutes([]) : readRouteFile(config.routes);
  const fallbackPolicy = config.fallbackPolicy === undefined ? undefined : await readPolicyFile(config.fallbackPolicy);
  const signer = config.keys === undefined ? undefined : await feedSigner(config.keys, config.passphrase, log);
  const endpoints =
    config.webhooks === undefined
      ? undefined
      : (await import("./webhooks/webhook-file.ts")).readWebhookFile(config.webhooks, {
          allowHttp: config.webhooksAllowLoopback,
          log,
        });
  const counters = createCounters();
  const sources = sourcesOf(config);
  const replica = followFeed({
    sources,
    trust: config.trust,
    audience: config.audience,
    clock: ports.clock ?? systemClock(),
    pollMs: config.pollMs,
    log,
    ...(config.data === undefined ? {} : { store: diskStore(config.data) }),
    ...(fallbackPolicy === undefined ? {} : { fallbackPolicy }),
  });
  const servers: Server[] = [];
  let isServing = false;
  let isStopping = false;
  const desk = createCheckDesk({ replica, routes, counters, log, isStopping: () => isStopping });
  const hot = new HotRoutes(hotRoutes(desk, { passesWithoutTenant: config.hooksWithoutTenant === "pass" }));
  const onRefused = (error: DimmerError): void => log.warn({ code: error.code }, `token refused: ${error.message}`);
  const issuer =
    signer === undefined
      ? createTokenFetcher({ replica, sources, counters, onRefused })
      : createTokenIssuer(replica, signer, counters);
  const streams = new FeedStreams(replica, config);
  const refetches = new RefetchStreams(replica);
  const webhooks =
    endpoints === undefined || config.data === undefined
      ? undefined
      : await (await import("./webhooks/open-webhooks.ts"))
          .openWebhooks({
            replica,
            endpoints,
            data: config.data,
            allowLoopback: config.webhooksAllowLoopback,
            log,
          })
          .catch(async (error: unknown) => {
            streams.close();
            refetches.close();
            await replica.close();
            throw error;
          });
  const doors = allDoors({ replica, streams, refetches, counters, issuer, webhooks });
  const serve = (admission: Admission, withToken?: Reach): Server => {
    const dispatch = createDispatch({
      hot,
      admission,
      appOf: (reach) => createApp({ doors, hot, reach, withToken, counters, log }),
      counters,
      log,
      isStopping: () => isStopping,
    });
    const server = createHttpServer(dispatch, () => counters.malformedConnections++, ports.timeouts);
    servers.push(server);
    return server;
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      isStopping = true;
      streams.close();
      refetches.close();
      await closeInTurn(config.drainMs, [
        (leftMs) => Promise.all(servers.map((server) => drainServer(server, leftMs))),
        (leftMs) => webhooks?.close(leftMs),
      ]);
      await replica.close();
      if (isServing) log.info({}, "stopped");
    })();
    return closing;
  };
  try {
    const listening = await listen(config, token, serve);
    isServing = true;
    log.info({ ...listening, feed: config.feed.map(hideUserinfo), audience: config.audience }, "listening");
    return { replica, ...listening, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(
  config: SidecarConfig,
  token: string | undefined,
  serve: (admission: Admission, withToken?: Reach) => Server,
): Promise<{ readonly socketPath?: string; readonly tcp?: TcpAddress }> {
  const { socket, tcp: doors, host, port } = config;
  if (socket !== undefined) await listenOnSocket(serve(admitToSocket), socket);
  const listening = socket === undefined ? {} : { socketPath: socket };
  if (doors === "off") return listening;
  const bearer = token === undefined ? undefined : bearerCheck(token);
  const withToken = token === undefined ? undefined : reachWithToken(doors);
  return {
    ...listening,
    tcp: await listenOnTcp(serve(tcpAdmission({ host, doors, bearer }), withToken), { host, port }),
  };
}

async function feedSigner(directory: string, passphrase: string | undefined, log: Logger): Promise<Signer> {
  const keys = await openKeyDirectory(directory, passphrase === undefined ? {} : { passphrase });
  for (const warning of keys.warnings) log.warn({}, warning);
  return keys.signers.feed;
}
