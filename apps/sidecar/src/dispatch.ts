import type { RequestListener } from "node:http";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import type { Logger } from "pino";
import { faultOf } from "./app.ts";
import { type Counters, countRefusal } from "./counters.ts";
import type { HotRoutes } from "./hot-routes.ts";
import { type Admission, lacksHost, type Reach } from "./listen/admission.ts";
import { type Problem, problemOf, problemResponse, writeProblem } from "./problem.ts";
import { echoRequestId } from "./request-id.ts";

/** What serves the requests of one listener. */
export interface DispatchOptions {
  readonly admission: Admission;
  readonly hot: HotRoutes;
  /** The apps for everything else, by reach. */
  readonly appOf: (reach: Reach) => Hono;
  readonly counters: Counters;
  readonly log: Logger;
  /** Whether the sidecar is stopping: connections are then closed behind the answer. */
  readonly isStopping: () => boolean;
}

/**
 * Makes the listener of a server: who is not admitted is turned away, the hot doors are answered at once, the rest
 * goes to Hono. Adds a few comparisons to a request.
 *
 * @see docs/adr/0003-hot-doors-on-node-http.md
 */
export function createDispatch(options: DispatchOptions): RequestListener {
  const { admission, hot, appOf, counters, log, isStopping } = options;
  const listeners = new Map<Reach, RequestListener>();
  const listenerOf = (reach: Reach): RequestListener => {
    const listener = listeners.get(reach) ?? honoListener(appOf(reach), counters, log);
    listeners.set(reach, listener);
    return listener;
  };
  return (req, res) => {
    const refuse = (problem: Problem, headers: Record<string, string> = {}): void => {
      countRefusal(counters, problem.status);
      echoRequestId(req, res);
      writeProblem(res, problem, headers);
    };
    if (lacksHost(req)) {
      const problem = problemOf(
        "malformed_request",
        "the Host header is missing: HTTP/1.1 needs one, as in Host: localhost",
      );
      return refuse(problem, { connection: "close" });
    }
    const reach = admission(req);
    if (typeof reach !== "string") return refuse(reach);
    const url = req.url as string;
    const door = reach === "health" ? undefined : hot.find(req.method, url);
    if (door !== undefined) return door(req, res);
    // The host of an absolute target was not looked at, and `*` is no door.
    if (!url.startsWith("/")) return refuse(problemOf("malformed_request", "the request target must be a path"));
    echoRequestId(req, res);
    if (isStopping()) res.setHeader("connection", "close");
    listenerOf(reach)(req, res);
  };
}

function honoListener(app: Hono, counters: Counters, log: Logger): RequestListener {
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => {
      const problem =
        error instanceof RequestError
          ? problemOf("malformed_request", "the request target or its Host header is malformed")
          : faultOf(error, log);
      countRefusal(counters, problem.status);
      return problemResponse(problem);
    },
  });
  // Its promise settles behind the answer; faults have gone to `errorHandler` by then.
  return (req, res) => void listener(req, res);
}
