import type { IncomingMessage, ServerResponse } from "node:http";
import { faultOf } from "../../app.ts";
import { countRefusal } from "../../counters.ts";
import type { HotDoor } from "../../hot-door.ts";
import type { HotRoute } from "../../hot-routes.ts";
import { problemOf, writeProblem } from "../../problem.ts";
import type { CheckDesk } from "../check.ts";
import { type Dialect, ENVOY, ENVOY_PREFIX, FORWARD, NGINX } from "./dialect.ts";
import { type HookOptions, judgeHook, type Verdict } from "./judge-hook.ts";

/** Doors for proxies that ask about each request before they pass it on. They read no body and no query. */
export function hookRoutes(desk: CheckDesk, options: HookOptions): readonly HotRoute[] {
  const hook = (dialect: Dialect, write: typeof writeVerdict): HotDoor => hookDoor(desk, options, dialect, write);
  return [
    { method: "any", path: "/hook/nginx", door: hook(NGINX, writeVerdict) },
    { method: "any", path: "/hook/nginx/denied", door: hook(NGINX, writeDenial) },
    { method: "any", path: "/hook/forward", door: hook(FORWARD, writeVerdict) },
    { method: "any", path: `${ENVOY_PREFIX}/`, door: hook(ENVOY, writeVerdict) },
  ];
}

function hookDoor(desk: CheckDesk, options: HookOptions, dialect: Dialect, write: typeof writeVerdict): HotDoor {
  return (req: IncomingMessage, res: ServerResponse) => {
    desk.counters.requests.hook++;
    // A proxy that sends the body along is not kept waiting for somebody to read it.
    req.resume();
    if (desk.isStopping()) res.setHeader("connection", "close");
    try {
      write(res, judgeHook(desk, options, dialect, req), dialect);
    } catch (error) {
      countRefusal(desk.counters, 500);
      writeProblem(res, faultOf(error, desk.log));
    }
  };
}

/** Every header that a shipped configuration copies is there in every answer: a client's own never shows through. */
function emptyHead(status: number, { mode, reason }: Verdict): string[] {
  const number = String(status);
  return ["Dimmer-Status", number, "Dimmer-Mode", mode, "Dimmer-Reason", reason, "content-length", "0"];
}

/** The answer that the proxy acts on. */
function writeVerdict(res: ServerResponse, verdict: Verdict, { allowed, everyDenial }: Dialect): void {
  if (verdict.isAllowed) {
    res.writeHead(allowed, emptyHead(allowed, verdict)).end();
    return;
  }
  if (everyDenial !== undefined) {
    res.writeHead(everyDenial, emptyHead(verdict.status, verdict)).end();
    return;
  }
  writeBody(res, verdict);
}

/** The answer that the proxy sends on to the client when it was denied. */
function writeDenial(res: ServerResponse, verdict: Verdict): void {
  if (!verdict.isAllowed) {
    writeBody(res, verdict);
    return;
  }
  // It was denied a moment ago and is not any more: the client need only ask again.
  writeProblem(res, problemOf("not_ready", "the answer has changed meanwhile: send the request again"));
}

function writeBody(res: ServerResponse, verdict: Extract<Verdict, { isAllowed: false }>): void {
  const { status, mode, reason } = verdict;
  const { headers, body } = verdict.render();
  const length = String(Buffer.byteLength(body));
  const told = { "Dimmer-Status": String(status), "Dimmer-Mode": mode, "Dimmer-Reason": reason };
  res.writeHead(status, { ...headers, ...told, "content-length": length }).end(body);
}
