import type { Command } from "commander";
import { addAuthorityCommand, asking, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";
import { usageFailure } from "../failure.ts";

type Options = AuthorityOptions & { readonly reason?: string };

/** `dimmer clock advance`: moves the clock of an authority for development ahead. */
export function addClockAdvance(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "advance <span>",
    summary: "move the clock of dimmer dev ahead, by way of everything that falls due",
    details:
      "SPAN is business days by the policy's calendar (7bd), a duration (3d, 2h, 30m) or an instant. At each instant at " +
      "which a notice or a step is due, the clock waits until that is done; replicas take the time from what is signed. It " +
      "never goes back. Only an authority that was started with --dev-clock has such a clock.",
    examples: [
      ["clock advance 7bd", "the seventh business day from today, at the opening hour or later"],
      ["clock advance 2h", "two hours"],
      ["clock advance 2027-01-07T09:00:00+09:00", "an instant"],
    ],
  })
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (span: string, options: Options, command: Command) => {
        const { client, chosen } = await openAuthority(options);
        if ((await client.find("/v1/dev/clock")) === undefined) {
          throw usageFailure(
            `the clock of ${client.url} is the machine's: only one started with --dev-clock can be moved`,
          );
        }
        const reason = reasonOf(options, command);
        const body = /^\d{4}-/.test(span) ? { to: span } : { advance: span };
        const moved = (await client.write("POST", "/v1/dev/clock", { reason, body })).body;
        const { caseLine, casesOf } = await import("../authority/case-at.ts");
        const cases = await casesOf(client, { state: "open" });
        const { version } = await client.get("/v1/fleet");
        const { awaitEnforced } = await import("../authority/await-enforced.ts");
        // Replicas elsewhere count as silent until they report by the new time.
        const enforced =
          chosen.dev !== undefined && typeof version === "string"
            ? await awaitEnforced(client, chosen, version)
            : undefined;
        return {
          text: [
            `it is ${localText(String(moved["now"]))}; ${String(moved["stops"])} things fell due on the way`,
            ...(moved["isSettled"] === true
              ? []
              : ["  it stopped there: what was due could not be done in its time (is there a mail server?)"]),
            ...cases.map((shown) => `  ${caseLine(shown)}`),
            `  version ${String(version)}${enforced === undefined ? "" : `, enforced by ${enforced.by} after ${enforced.tookMs} ms`}`,
          ].join("\n"),
          json: { ...moved, version, cases },
        };
      }),
    );
}

/** `dimmer clock show`: says what time it is for an authority. */
export function addClockShow(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "show",
    summary: "say what time it is for the authority",
    examples: [["clock show", "and how far ahead of this machine"]],
  }).action(
    asking(async (client) => {
      const clock = (await client.find("/v1/dev/clock")) ?? { now: new Date().toISOString(), offsetMs: 0 };
      const aheadMs = Number(clock["offsetMs"]);
      const ahead = aheadMs === 0 ? "the time of this machine" : `${(aheadMs / 86_400_000).toFixed(1)} days ahead`;
      return { text: `${localText(String(clock["now"]))}, ${ahead}`, json: { ...clock } };
    }),
  );
}

/** An instant as people at this machine read it, with its weekday. */
function localText(iso: string): string {
  const at = Temporal.Instant.from(iso).toZonedDateTimeISO(Temporal.Now.timeZoneId());
  const weekday = at.toLocaleString("en", { weekday: "short" });
  return `${weekday} ${at.toPlainDateTime().toString({ smallestUnit: "minute" }).replace("T", " ")} (${at.timeZoneId})`;
}
