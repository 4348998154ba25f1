import { join } from "node:path";
import type { Command } from "commander";
import { columns } from "../answer.ts";
import { type AuthorityOptions, addAuthorityOptions, chooseAuthority } from "../authority/choose-authority.ts";
import { addCommand, answering } from "../command.ts";
import { isRunning, nothingRunsIn, readDevState } from "../dev-state.ts";
import type { Finding } from "../doctor/finding.ts";
import { addPassphraseOption, type PassphraseOption } from "../keys.ts";

interface Options extends AuthorityOptions, PassphraseOption {
  readonly keys?: string;
  readonly sidecar?: string;
}

/** `dimmer doctor`: says what is wrong, and how to put it right. */
export function addDoctor(parent: Command): void {
  const command = addAuthorityOptions(
    addCommand(parent, {
      usage: "doctor",
      summary: "say what is wrong and how to put it right: keys, ports, store, clock, feed, sidecar",
      details: "Looks and changes nothing. Exit code 1 where something is wrong.",
      examples: [
        ["doctor", "of dimmer dev, running or not"],
        [
          "doctor --authority https://authority.example.com --api-key-file key --sidecar unix:/run/dimmer/sidecar.sock",
          "elsewhere",
        ],
      ],
    }),
  )
    .option("--keys <dir>", "key directory to look at (default: that of dimmer dev)")
    .option("--sidecar <address>", "sidecar to ask: unix:/path.sock or http://host:port (default: that of dimmer dev)");
  addPassphraseOption(command).action(
    answering(async (options: Options) => {
      const findings = await examine(options);
      const faults = findings.filter(({ state }) => state === "fault").length;
      const rows = findings.flatMap(({ about, state, message, fix }) => [
        [MARKS[state], about, message],
        ...(fix === undefined ? [] : [["", "", `→ ${fix}`]]),
      ]);
      const verdict = faults === 0 ? "nothing is wrong" : `${faults} ${faults === 1 ? "thing is" : "things are"} wrong`;
      return { text: `${columns(rows)}\n${verdict}`, json: { faults, findings }, isNo: faults > 0 };
    }),
  );
}

const MARKS = { ok: "ok", note: "--", fault: "!!" } as const;

async function examine(options: Options): Promise<Finding[]> {
  const { checkKeys, checkPorts, checkStore } = await import("../doctor/check-machine.ts");
  const { checkAuthority, checkSidecar, movedAheadMs } = await import("../doctor/check-services.ts");
  const { remark } = await import("../doctor/finding.ts");
  const { dir } = options;
  const state = await readDevState(dir);
  const dev = state !== undefined && isRunning(state) ? state : undefined;
  const named = options.authority ?? (process.env["DIMMER_AUTHORITY"] || undefined);
  const isNamed = named !== undefined;
  // Of an authority elsewhere the ports, keys and store of development on this machine say nothing.
  const isElsewhere = isNamed && URL.parse(named)?.origin !== dev?.authority;
  const keys = options.keys ?? (isElsewhere ? undefined : join(dir, "keys"));
  const findings = [
    ...(keys === undefined ? [] : await checkKeys(keys, options)),
    ...(isElsewhere ? [] : [...checkStore(dir), ...(await checkPorts(state))]),
  ];
  let published: string | undefined;
  let aheadMs = 0;
  if (isNamed || dev !== undefined) {
    const chosen = await chooseAuthority(options);
    const checked = await checkAuthority(chosen);
    aheadMs = await movedAheadMs(chosen);
    published = checked.version;
    findings.push(...checked.findings);
  } else {
    findings.push(remark("feed", `${nothingRunsIn(dir)}, and no authority is named`, "npm start, or --authority URL"));
  }
  const sidecar = options.sidecar ?? (isNamed ? undefined : dev?.sidecar);
  if (sidecar !== undefined) findings.push(...(await checkSidecar(sidecar, { published, aheadMs })));
  return findings;
}
