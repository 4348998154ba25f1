import { askSidecar } from "../ask-sidecar.ts";
import { createAuthorityClient } from "../authority/authority-client.ts";
import type { ChosenAuthority } from "../authority/choose-authority.ts";
import { toFailure } from "../failure.ts";
import { type Finding, fault, fine, remark } from "./finding.ts";

/** How far a clock may be off before something goes wrong: a token is taken until 60 s after its end. */
const MOST_SKEW_MS = 30_000;
const TIMEOUT_MS = 5_000;

/** What the authority said of its version; `undefined` where it said nothing. */
export interface AuthorityFindings {
  readonly findings: readonly Finding[];
  readonly version: string | undefined;
}

/** Looks at an authority: that it answers, signs, takes the key, and has the time that this machine has. */
export async function checkAuthority({ url, apiKey }: ChosenAuthority): Promise<AuthorityFindings> {
  const startedMs = Date.now();
  let ready: Response;
  try {
    ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    const why = toFailure((cause as { cause?: unknown }).cause ?? cause).message;
    const found = fault(
      "feed",
      `the authority ${url} does not answer: ${why}`,
      "start it, or name the right one with --authority",
    );
    return { findings: [found], version: undefined };
  }
  const said = (await ready.text()).trim();
  const findings = [
    ready.ok
      ? fine("feed", `the authority ${url} signs`)
      : fault("feed", `the authority ${url} is ${said}`, "see what it logs; replicas go on with what they hold"),
    clockFinding("the authority", Date.parse(ready.headers.get("date") ?? ""), startedMs),
  ];
  try {
    const { version, items } = await createAuthorityClient({ url, apiKey }).get("/v1/fleet/replicas?limit=500");
    const replicas = items as readonly Readonly<Record<string, unknown>>[];
    const behind = replicas.filter(({ isCurrent, isSilent }) => isCurrent !== true && isSilent !== true);
    findings.push(
      behind.length === 0
        ? fine("fleet", `version ${String(version)}; ${replicas.length} replicas have reported`)
        : remark("fleet", `${behind.length} of ${replicas.length} replicas lag`, "dimmer fleet shows which"),
    );
    return { findings, version: typeof version === "string" ? version : undefined };
  } catch (cause) {
    findings.push(fault("key", toFailure(cause).message, "give a key that the authority knows with --api-key-file"));
    return { findings, version: undefined };
  }
}

/**
 * How far the clock of an authority for development was moved ahead: its replicas take their time from it. Never rejects.
 */
export async function movedAheadMs({ url, apiKey }: ChosenAuthority): Promise<number> {
  try {
    const clock = await createAuthorityClient({ url, apiKey }).find("/v1/dev/clock");
    return Number(clock?.["offsetMs"] ?? 0);
  } catch {
    return 0;
  }
}

/** Looks at a sidecar: that it answers, follows, and holds what the authority has published. */
export async function checkSidecar(
  sidecar: string,
  { published, aheadMs = 0 }: { readonly published: string | undefined; readonly aheadMs?: number },
): Promise<Finding[]> {
  const startedMs = Date.now();
  let status: Readonly<Record<string, unknown>>;
  try {
    const answer = await askSidecar(sidecar, "/v1/status");
    if (answer.status !== 200) {
      return [remark("sidecar", `${sidecar} answers ${answer.status}`, "ask on its socket, where every door is open")];
    }
    status = answer.body;
  } catch (cause) {
    return [fault("sidecar", toFailure(cause).message, "start it, or name the right one with --sidecar")];
  }
  const { ready, version, freshness, now } = status;
  const findings: Finding[] = [];
  if (ready !== true) {
    findings.push(fault("sidecar", `${sidecar} is not ready: it answers by fallbacks`, "see its sources below"));
  } else if (freshness !== "fresh") {
    findings.push(fault("sidecar", `${sidecar} is stale at version ${String(version)}`, "see its sources below"));
  } else if (published !== undefined && version !== published) {
    findings.push(remark("sidecar", `${sidecar} is at version ${String(version)}, published is ${published}`));
  } else {
    findings.push(fine("sidecar", `${sidecar} is fresh at version ${String(version)}`));
  }
  findings.push(clockFinding("the sidecar", Date.parse(String(now)) - aheadMs, startedMs), ...sourceFindings(status));
  return findings;
}

function sourceFindings(status: Readonly<Record<string, unknown>>): Finding[] {
  const sources = status["sources"] as readonly { name: string; state: string; lastError: string | null }[];
  const failing = sources.filter(({ state }) => state === "failing" || state === "refused");
  const findings = failing.map(({ name, lastError }) =>
    fault("sidecar", `${name}: ${lastError ?? "fails"}`, "check --feed, --feed-token-file, --trust and --audience"),
  );
  const disk = status["disk"] as { state: string; directory: string | null; lastError: string | null };
  if (disk.state === "failing") {
    findings.push(fault("sidecar", `${disk.directory}: ${disk.lastError}`, "make room, or let it be written"));
  }
  const quarantine = status["quarantine"] as { count: number };
  if (quarantine.count > 0) {
    const message = `${quarantine.count} tenants name what the policy does not know, and keep what they had`;
    findings.push(fault("sidecar", message, "activate a policy that knows those names; /v1/status lists them"));
  }
  return findings;
}

function clockFinding(whose: string, theirsMs: number, startedMs: number): Finding {
  const endedMs = Date.now();
  if (Number.isNaN(theirsMs)) return remark("clock", `${whose} does not say what time it has`);
  // A Date header has whole seconds; between asking and answer any instant may have been meant.
  const skewMs = theirsMs + 1_000 < startedMs ? theirsMs - startedMs : theirsMs > endedMs ? theirsMs - endedMs : 0;
  const seconds = `${(Math.abs(skewMs) / 1_000).toFixed(0)} s`;
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return fine("clock", `${whose} has the time of this machine`);
  const message = `${whose} is ${seconds} ${skewMs < 0 ? "behind" : "ahead of"} this machine`;
  return fault("clock", message, "set both clocks, by NTP: steps take effect by them");
}
