import type { DatedLadder, LadderRow } from "./simulate.ts";

/** A dated ladder as text for a terminal: one line a row, the closed days that moved it below. Never throws. */
export function renderTable(ladder: DatedLadder): string {
  const lines = ladder.rows.map((row) => [
    row.at.slice(0, 16).replace("T", " "),
    weekday(row),
    row.kind,
    row.name,
    whatOf(row),
  ]);
  const head = ["at", "", "what", "name", ""];
  const widths = head.map((cell, column) => Math.max(cell.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const written = [head, ...lines].map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const calendars = Object.entries(ladder.basis.calendars).map(([name, version]) => `${name} (${version})`);
  const closed = ladder.closedDays.map(({ date, name, calendar }) => `  ${date}  ${name} (${calendar})`);
  return [
    `${ladder.track} from ${ladder.anchor}, by ${calendars.join(", ")}, ${ladder.zone}`,
    "",
    ...written,
    "",
    closed.length === 0 ? "no closed days but weekends" : "closed days but weekends:",
    ...closed,
    ...(ladder.isProvisional
      ? ["", "some of these holidays are not announced yet: they follow from the present law"]
      : []),
    "",
  ].join("\n");
}

function whatOf({ mode, template, deadline, decision }: LadderRow): string {
  const parts = [mode, template, deadline === undefined ? undefined : `until ${deadline}`, decision];
  return parts.filter((part) => part !== undefined).join(", ");
}

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function weekday({ at }: LadderRow): string {
  return WEEKDAYS[Temporal.PlainDate.from(at.slice(0, 10)).dayOfWeek - 1] ?? "";
}
