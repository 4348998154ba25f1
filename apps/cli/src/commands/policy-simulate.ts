import type { CalendarBase, PolicyDocument } from "@dimmer/core";
import { type Command, Option } from "commander";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { readSoundPolicy } from "../policy-source.ts";

interface Options {
  readonly due?: string;
  readonly leave?: string;
  readonly policy: string;
  readonly zone?: string;
  readonly calendar?: string;
  readonly method: "invoice" | "card";
  readonly criticality?: string;
  readonly ics?: boolean;
}

/** `dimmer policy simulate`: the dated ladder of a policy, before anybody is on it. */
export function addPolicySimulate(parent: Command): void {
  addCommand(parent, {
    usage: "simulate",
    summary: "draw the dated ladder of a policy, with the holidays that move it",
    details:
      "What would happen when, were an invoice due on a day and never paid, every notice accepted at once and nobody to " +
      "object; or were a request to leave made that day. Nothing is asked of any authority.",
    examples: [
      ["policy simulate --due 2026-12-25", "the standard policy over New Year"],
      ["policy simulate --due 2026-12-25 --calendar jp-government", "by another calendar"],
      ["policy simulate --due 2027-04-28 --policy policy.yaml --ics > ladder.ics", "for a calendar program"],
      ["policy simulate --leave 2026-12-01", "a tenant that leaves"],
    ],
  })
    .option("--due <date>", "due date of an invoice, such as 2026-12-25")
    .option("--leave <date>", "the day of a request to leave, instead of a due date")
    .option("--policy <file>", "policy: a file, or standard", "standard")
    .option("--zone <zone>", "zone of the tenant and of the date (default: the policy's)")
    .option("--calendar <name>", "another calendar: one of the policy's, or jp-bank, jp-government, jp-national")
    .addOption(new Option("--method <how>", "how the invoice is paid").choices(["invoice", "card"]).default("invoice"))
    .option("--criticality <name>", "of the tenant, such as medical: some decisions are a person's then")
    .option("--ics", "print iCalendar instead of a table")
    .action(
      answering(async (options: Options) => {
        const { calendarsOf, renderICalendar, renderTable, simulate } = await import("@dimmer/lifecycle");
        const given = await readSoundPolicy(options.policy);
        const policy = options.calendar === undefined ? given : await withCalendar(given, options.calendar);
        const zone = checkedZone(options.zone ?? policy.zone);
        const ladder = simulate(
          {
            ...chosenDate(options, zone),
            method: options.method,
            tenant: { zone, ...(options.criticality === undefined ? {} : { criticality: options.criticality }) },
          },
          policy,
          calendarsOf(policy),
        );
        const text = options.ics === true ? renderICalendar(ladder, Date.now()) : renderTable(ladder);
        return { text, json: { ...ladder } };
      }),
    );
}

function chosenDate({ due, leave }: Options, zone: string): object {
  if ((due === undefined) === (leave === undefined)) {
    throw usageFailure("give one of --due DATE and --leave DATE, such as --due 2026-12-25");
  }
  const [name, date] = due === undefined ? ["leave", leave as string] : ["due", due];
  try {
    Temporal.PlainDate.from(date, { overflow: "reject" });
  } catch {
    throw usageFailure(`--${name} ${JSON.stringify(date)}: must be a day such as 2026-12-25`);
  }
  return { [name]: { date, zone } };
}

function checkedZone(zone: string): string {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return zone;
  } catch {
    throw usageFailure(`--zone ${JSON.stringify(zone)}: must be an IANA zone such as Asia/Tokyo`);
  }
}

const HOURS = { opens: "09:00", closes: "17:00" };

/** The policy with every track on one calendar: one that it has, or a base that anybody has. */
async function withCalendar(policy: PolicyDocument, name: string): Promise<PolicyDocument> {
  const { CALENDAR_BASES } = await import("@dimmer/core");
  const bases = CALENDAR_BASES.filter((base) => base !== "weekdays");
  const known = policy.calendars ?? {};
  const calendar = known[name] ?? (bases.some((base) => base === name) ? baseOf(name as CalendarBase) : undefined);
  if (calendar === undefined) {
    const names = [...new Set([...Object.keys(known), ...bases])].join(", ");
    throw usageFailure(`--calendar ${JSON.stringify(name)}: must be one of ${names}`);
  }
  const { nonpayment, offboarding, ...others } = policy.tracks ?? {};
  const moved = <T extends NonNullable<typeof nonpayment> | NonNullable<typeof offboarding>>(track: T): T => ({
    ...track,
    calendar: name,
    stages: track.stages.map(({ calendar: _own, ...stage }) => stage),
  });
  return {
    ...policy,
    calendars: { ...known, [name]: calendar },
    tracks: {
      ...others,
      ...(nonpayment === undefined ? {} : { nonpayment: moved(nonpayment) }),
      ...(offboarding === undefined ? {} : { offboarding: moved(offboarding) }),
    },
  };
}

function baseOf(base: CalendarBase) {
  return { base, ...HOURS };
}
