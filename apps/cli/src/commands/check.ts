import type { Ask, Decision, FeatureDecision, Principal } from "@dimmer/core";
import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { askSidecar, failureOf } from "../ask-sidecar.ts";
import { addCommand, answering, collect } from "../command.ts";
import { DEFAULT_DIR, isRunning, nothingRunsIn, readDevState } from "../dev-state.ts";
import { usageFailure } from "../failure.ts";
import { holdFeed } from "../held-feed.ts";

interface Options {
  readonly principal?: string;
  readonly feature?: string;
  readonly current?: string;
  readonly adding?: string;
  readonly request?: string;
  readonly atLeast?: string;
  readonly sidecar?: string;
  readonly feed?: string;
  readonly trust?: readonly string[];
  readonly audience?: string;
  readonly dir: string;
}

/** `dimmer check`: asks whether a tenant may do something now. */
export function addCheck(parent: Command): void {
  addCommand(parent, {
    usage: "check <tenant> [capability]",
    summary: "ask whether a tenant may do something now",
    details:
      "Asks the sidecar of the running `dimmer dev`, or the one that --sidecar names, or a feed by itself (--feed with " +
      "--trust). Exit code 0 where it is allowed, 1 where it is denied.",
    examples: [
      ["check acme create --principal member", "of the running dimmer dev"],
      ["check acme --feature seats --current 24 --adding 1", "a limit: what remains of it"],
      ['check acme --request "POST /notes" --sidecar http://127.0.0.1:7301', "classified by the sidecar's routes"],
      ["check acme view --feed feed --trust SHA256:…", "without a sidecar"],
    ],
  })
    .option("--principal <class>", "who acts: admin, billing, member or service")
    .option("--feature <name>", "a feature, with a capability or instead of one")
    .option("--current <n>", "how much of the feature is used")
    .option("--adding <n>", "how much is to be added (default: 1)")
    .option("--request <line>", 'method and path, as in "POST /notes", instead of a capability')
    .option("--at-least <version>", "a version such as 3.1042; below it the answer is no_data")
    .option("--sidecar <address>", "unix:/path.sock or http://host:port")
    .option("--feed <dir|url>", "read this feed instead of asking a sidecar")
    .option("--trust <root>", "with --feed: thumbprint of the root key, SHA256:…", collect)
    .option("--audience <name>", "with --feed: audience of the feed (default: development)")
    .option("--dir <dir>", "directory of dimmer dev", DEFAULT_DIR)
    .action(
      answering(async (tenant: string, capability: string | undefined, options: Options) => {
        const question = questionOf(tenant, capability, options);
        const decision =
          options.feed === undefined ? await fromSidecar(question, options) : await fromFeed(question, options);
        return answerOf(tenant, decision);
      }),
    );
}

type Question = Readonly<Record<string, unknown>>;

/** A decision as every door gives it. */
interface DecisionAnswer extends Decision {
  readonly version: string;
  readonly tenant?: string;
  readonly case?: string;
  readonly since?: string;
  readonly next?: { readonly at: string; readonly mode: string };
  readonly limit?: number | null;
  readonly remaining?: number | null;
  readonly value?: unknown;
}

function questionOf(tenant: string, capability: string | undefined, options: Options): Question {
  const { principal, feature, current, adding, request, atLeast } = options;
  if (capability === undefined && feature === undefined && request === undefined) {
    throw usageFailure("check: asks nothing; give a capability, --feature or --request");
  }
  if (adding !== undefined && current === undefined) throw usageFailure("--adding: needs --current");
  const [method, path, ...more] = request === undefined ? [] : request.trim().split(/\s+/);
  if (request !== undefined && (path === undefined || more.length > 0)) {
    throw usageFailure(`--request ${JSON.stringify(request)}: must be a method and a path, as in "POST /notes"`);
  }
  return {
    tenant,
    ...(capability === undefined ? {} : { capability }),
    ...(principal === undefined ? {} : { principal }),
    ...(feature === undefined ? {} : { feature }),
    ...(current === undefined
      ? {}
      : {
          usage: {
            current: amount("--current", current),
            ...(adding === undefined ? {} : { adding: amount("--adding", adding) }),
          },
        }),
    ...(request === undefined ? {} : { request: { method, path } }),
    ...(atLeast === undefined ? {} : { atLeast }),
  };
}

function amount(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw usageFailure(`${option} ${JSON.stringify(text)}: must be a number from 0 on`);
}

async function fromSidecar(question: Question, { sidecar, dir }: Options): Promise<DecisionAnswer> {
  const answer = await askSidecar(sidecar ?? (await sidecarOfDev(dir)), "/v1/check", question);
  if (answer.status !== 200) throw failureOf(answer);
  return answer.body as unknown as DecisionAnswer;
}

async function sidecarOfDev(dir: string): Promise<string> {
  const state = await readDevState(dir);
  if (state !== undefined && isRunning(state)) return state.sidecar;
  throw usageFailure(`check: ${nothingRunsIn(dir)}; start it, or name a sidecar (--sidecar) or a feed (--feed)`);
}

async function fromFeed(question: Question, { feed, trust, audience }: Options): Promise<DecisionAnswer> {
  if (trust === undefined) throw usageFailure("--feed: needs --trust, the thumbprint of the feed's root key");
  if (question["request"] !== undefined) throw usageFailure("--request: needs a sidecar, which has a route table");
  const { isTenantId, PRINCIPALS, reportedCause } = await import("@dimmer/core");
  const { formatVersion, parseVersion } = await import("@dimmer/statement");
  const { tenant, atLeast, ...ask } = question as unknown as {
    readonly tenant: string;
    readonly atLeast?: string;
  } & Ask;
  if (!isTenantId(tenant)) throw usageFailure(`tenant ${JSON.stringify(tenant)}: is not a tenant id`);
  if (ask.principal !== undefined && !PRINCIPALS.includes(ask.principal as Principal)) {
    throw usageFailure(`--principal ${JSON.stringify(ask.principal)}: must be one of ${PRINCIPALS.join(", ")}`);
  }
  const least = atLeast === undefined ? undefined : parseVersion(atLeast);
  if (atLeast !== undefined && least === undefined) {
    throw usageFailure(`--at-least ${JSON.stringify(atLeast)}: must be a version such as 3.1042`);
  }
  const replica = await holdFeed({ feed: feed as string, trust, audience });
  try {
    const decision: Decision | FeatureDecision = replica.ask(tenant, ask, least);
    const version = replica.version === undefined ? "0.0" : formatVersion(replica.version);
    if (decision.allowed) return { ...decision, version };
    const { standing, cases } = replica.about(tenant);
    return { ...decision, version, tenant, ...reportedCause(standing, decision, { cases, principal: ask.principal }) };
  } finally {
    await replica.close();
  }
}

function answerOf(tenant: string, decision: DecisionAnswer): Answer {
  const { allowed, capability, mode, reason, cause, since, next, limit, remaining, value, freshness, version } =
    decision;
  const by = cause === undefined ? reason : `${reason} by ${cause}`;
  const lines = [
    `${allowed ? "allowed" : "denied"}: ${tenant} ${capability} (${by})`,
    `  mode ${mode}${since === undefined ? "" : ` since ${since}`}, ${freshness}, version ${version}`,
  ];
  if (next !== undefined) lines.push(`  next ${next.mode} at ${next.at}`);
  if (limit !== undefined) {
    const rest = remaining === undefined ? "" : `, ${remaining ?? "no end"} remaining`;
    lines.push(`  limit ${limit ?? "none"}${rest}`);
  } else if (value !== undefined) {
    lines.push(`  value ${JSON.stringify(value)}`);
  }
  return { text: lines.join("\n"), json: { ...decision }, isNo: !allowed };
}
