import { posix } from "node:path";
import type { RunningSidecar } from "../../apps/sidecar/test/running-sidecar.ts";
import { CASE } from "./hostile-requests.ts";
import type { Reached, Upstream } from "./upstream.ts";

/** What a product takes for the tenant, the principal, the mode and the reason, once each. */
const TOLD = ["dimmer-tenant", "dimmer-principal", "dimmer-mode", "dimmer-reason"];
/** What only a proxy says beside it, and then to its client. */
const UNTOLD = ["dimmer", "dimmer-status"];
/** What a framework may read instead of the method and the path that were asked about. */
const OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/**
 * What is wrong with the requests that reached a product: one that no session stands for, that says of itself what only
 * the proxy says, or that is denied, by any reading of its method and path that a product may have. Asks the sidecar
 * anew about every request as it was seen. Never throws but where the sidecar does not answer.
 */
export async function faultsIn({ reached, malformed }: Upstream, sidecar: RunningSidecar): Promise<string[]> {
  const faults = malformed.map((code) => `the product cannot read what came: ${code}`);
  for (const seen of reached) {
    const name = `${decodeURIComponent(String(seen.headers[CASE]))} as ${seen.headers.authorization}`;
    for (const fault of [...headerFaults(seen), ...(await decisionFaults(seen, sidecar))]) {
      faults.push(`${name}: ${fault}: ${seen.method} ${seen.url}`);
    }
  }
  return faults;
}

function headerFaults(seen: Reached): string[] {
  const faults: string[] = [];
  for (const [name, values] of headersOf(seen)) {
    const read = name.replaceAll(/[^a-z0-9]/g, "-");
    if (UNTOLD.includes(read) || (TOLD.includes(read) && !TOLD.includes(name)))
      faults.push(`${name} is not the proxy's`);
    if (OVERRIDES.includes(read)) faults.push(`${name} states another request`);
    if (TOLD.includes(name) && values.length !== 1) faults.push(`${name} stands ${values.length} times`);
  }
  const { upgrade } = seen.headers;
  if (upgrade !== undefined && upgrade.toLowerCase() !== "websocket") faults.push(`an upgrade to ${upgrade}`);
  const { tenant, principal } = toldBy(seen);
  const sessions = headersOf(seen).get("authorization") ?? [];
  if (sessions.length > 1) faults.push(`${sessions.length} sessions`);
  const isOf = (session: string): boolean => session.replace(/^bearer +/i, "") === `${tenant}:${principal}`;
  if (tenant !== undefined && !sessions.some(isOf)) {
    faults.push(`told to be of ${tenant}, ${principal}, without such a session`);
  }
  return faults;
}

async function decisionFaults(seen: Reached, sidecar: RunningSidecar): Promise<string[]> {
  const { tenant, principal } = toldBy(seen);
  const faults: string[] = [];
  for (const path of readingsOf(seen.url)) {
    // A request of nobody may reach what is open, and nothing else: a tenant that is locked may do no more.
    const asked = {
      tenant: tenant ?? "locked",
      request: { method: seen.method, path },
      ...(principal && { principal }),
    };
    const { status, text } = await sidecar.ask("/v1/check", { body: asked });
    const isDenied = status === 200 && text.includes('"allowed":false');
    const isRefused = path === seen.url && status !== 200;
    if (isDenied || isRefused) faults.push(`denied as ${asked.tenant} at ${path} (${status})`);
  }
  return faults;
}

/** A path as it came, and as a product may read it that decodes, resolves, collapses or cuts more than the next one. */
function readingsOf(url: string): Set<string> {
  const path = (url.replace(/^[a-z]+:\/\/[^/]*/i, "") || "/").replace(/[?#].*$/s, "");
  const readings = new Set([path === url.replace(/[?#].*$/s, "") ? url : path]);
  for (const read of [path, decoded(path), decoded(decoded(path))]) {
    for (const cut of [read, read.replaceAll(/;[^/]*/g, ""), read.replaceAll("\\", "/"), read.replace(/\0.*$/s, "")]) {
      readings.add(encodeURI(posix.normalize(cut)));
      readings.add(encodeURI(cut.replaceAll(/\/{2,}/g, "/")));
    }
  }
  return readings;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function toldBy({ headers }: Reached): { readonly tenant: string | undefined; readonly principal: string | undefined } {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  return { tenant: one("dimmer-tenant"), principal: one("dimmer-principal") };
}

function headersOf({ rawHeaders }: Reached): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[at + 1] ?? ""]);
  }
  return headers;
}
