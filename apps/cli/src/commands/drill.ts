import { appendFileSync } from "node:fs";
import type { Command } from "commander";
import { columns, note } from "../answer.ts";
import { openAuthority, reasonOf } from "../authority/authority-command.ts";
import { type AuthorityOptions, addAuthorityOptions } from "../authority/choose-authority.ts";
import { addCommand, answering, collect } from "../command.ts";
import type { DrillReport } from "../drill/run-drill.ts";
import { toFailure, usageFailure } from "../failure.ts";

interface Options extends AuthorityOptions {
  readonly sidecar?: readonly string[];
  readonly tenant: string;
  readonly within: string;
  readonly report?: string;
  readonly reason?: string;
}

/** `dimmer drill`: steps a tenant down and back at real doors, and says how long each took. */
export function addDrill(parent: Command): void {
  addAuthorityOptions(
    addCommand(parent, {
      usage: "drill",
      summary: "step a drill tenant down and back at real doors, and keep how long each took",
      details:
        "Makes a tenant that nobody is, restricts it step by step by way of the authority, and asks each sidecar until it " +
        "answers so; then locks it, unlocks it, and ends the restriction. The tenant is gone afterwards; the times stand in " +
        "the ledger as the reason of its end and, with --report, as one line of JSON in a file. Exit code 1 where a step or " +
        "the way back was not seen at every door in time.",
      examples: [
        ["drill", "at the sidecar of dimmer dev"],
        [
          "drill --authority https://authority.example.com --api-key-file key --sidecar unix:/run/dimmer/sidecar.sock --report drills.ndjson",
          "each quarter, and kept",
        ],
      ],
    }),
  )
    .option(
      "--sidecar <address>",
      "door to ask: unix:/path.sock or http://host:port; may be given several times",
      collect,
    )
    .option("--tenant <id>", "id of the tenant to drill with; there must be none of that name", "dimmer-drill")
    .option("--within <duration>", "how long each may take", "10s")
    .option("--report <file>", "append what was measured, as one line of JSON")
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (options: Options, command: Command) => {
        const { durationMs } = await import("../duration-option.ts");
        const withinMs = await durationMs("--within", options.within, { leastMs: 100, mostMs: 600_000 });
        const { client, chosen } = await openAuthority(options);
        const sidecars = options.sidecar ?? (chosen.dev === undefined ? [] : [chosen.dev.sidecar]);
        if (sidecars.length === 0) throw usageFailure("--sidecar is missing: name the doors at which to look");
        const { runDrill } = await import("../drill/run-drill.ts");
        const report = await runDrill({
          client,
          sidecars,
          tenant: options.tenant,
          withinMs,
          reason: reasonOf(options, command),
          onSeen: (line) => note(line),
        });
        if (options.report !== undefined) keep(options.report, report);
        return { text: textOf(report), json: { ...report }, isNo: !report.isPassed };
      }),
    );
}

function keep(file: string, report: DrillReport): void {
  try {
    appendFileSync(file, `${JSON.stringify(report)}\n`);
  } catch (cause) {
    throw toFailure(cause);
  }
}

function textOf({ tenant, at, phases, isPassed }: DrillReport): string {
  const rows = phases.flatMap(({ name, expects, doors }) =>
    doors.map(({ sidecar, tookMs, saw }) => [
      `  ${name}`,
      expects,
      tookMs === null ? `not seen (${saw})` : `${tookMs} ms`,
      sidecar,
    ]),
  );
  return [`drill of ${tenant} at ${at}`, columns(rows), isPassed ? "passed" : "not passed"].join("\n");
}
