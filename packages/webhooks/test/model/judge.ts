import type { Asked, Model } from "./model.ts";
import type { Seen, ToldGap } from "./receivers.ts";

/** What is wrong with what the receivers saw, over any history; nothing: nothing is. */
export function faultsOf(model: Model): readonly string[] {
  return [
    ...model.receivers.faults,
    ...lanesOf(model).flatMap((lane) => [...faultsOfOrder(lane), ...faultsOfCount(lane)]),
  ];
}

/**
 * What is wrong with the ranges of gaps, where nothing died: those that were told, in their order, are to the event and
 * the millisecond what was dropped.
 */
export function faultsOfGaps(model: Model): readonly string[] {
  return lanesOf(model).flatMap(({ name, asked, seen }) => {
    const missing = missingOf(asked, seen);
    const faults: string[] = [];
    for (const gap of seen.gaps.values()) {
      const range = rangeOf(asked, missing.splice(0, gap.dropped));
      if (!isSame(range, gap)) faults.push(`${name}: told ${JSON.stringify(gap)}, dropped ${JSON.stringify(range)}`);
    }
    if (missing.length > 0) faults.push(`${name}: ${missing.join()} neither arrived nor lie in a gap`);
    return faults;
  });
}

/** A range of a lane, as it is told. */
export interface LaneRange extends Omit<ToldGap, "id"> {
  readonly lane: string;
}

/** What receivers refused to be told: one range for each lane. From here on `retoldOf` counts. */
export function refusedOf(model: Model): readonly LaneRange[] {
  return lanesOf(model).flatMap(({ name, seen }) => {
    const taken = new Set(seen.taken.splice(0).map(({ id }) => id));
    const refused = [...seen.gaps.values()].filter(({ id }) => !taken.has(id));
    if (refused.length === 0) return [];
    return {
      lane: name,
      sinceMs: Math.min(...refused.map(({ sinceMs }) => sinceMs)),
      untilMs: Math.max(...refused.map(({ untilMs }) => untilMs)),
      dropped: refused.reduce((sum, { dropped }) => sum + dropped, 0),
    };
  });
}

/** What receivers took since `refusedOf`. */
export function retoldOf(model: Model): readonly LaneRange[] {
  return lanesOf(model).flatMap(({ name, seen }) =>
    seen.taken.map(({ sinceMs, untilMs, dropped }) => ({ lane: name, sinceMs, untilMs, dropped })),
  );
}

interface JudgedLane {
  readonly name: string;
  readonly asked: Asked;
  readonly seen: Seen;
}

function lanesOf(model: Model): readonly JudgedLane[] {
  return [...model.asked].map(([name, asked]) => ({ name, asked, seen: model.receivers.of(name) }));
}

/** Events arrive in the order of calls, and are what they were; what comes twice bears the same id. */
function faultsOfOrder({ name, asked, seen }: JudgedLane): readonly string[] {
  const firsts = [...new Set(seen.events.map(({ id }) => id))];
  const got = firsts.filter((id) => asked.promised.has(id));
  const expected = asked.ids.filter((id) => asked.promised.has(id) && firsts.includes(id));
  return [
    ...(expected.join() === got.join() ? [] : [`${name}: asked ${expected.join()}, arrived ${got.join()}`]),
    ...seen.events.filter(({ id, body }) => body !== id).map(({ id, body }) => `${name}: ${id} arrived as ${body}`),
  ];
}

/** Every id arrives or lies in a gap, and gaps count no more than what did not arrive for sure. */
function faultsOfCount({ name, asked, seen }: JudgedLane): readonly string[] {
  const arrived = new Set(seen.events.map(({ id }) => id));
  const missing = missingOf(asked, seen);
  const dropped = [...seen.gaps.values()].reduce((sum, gap) => sum + gap.dropped, 0);
  const notArrived = asked.ids.filter((id) => !arrived.has(id)).length;
  return [
    ...(missing.length > dropped ? [`${name}: ${missing.join()} neither arrived nor lie in a gap of ${dropped}`] : []),
    ...(dropped > notArrived + seen.unsure.size + asked.twice.size
      ? [`${name}: gaps tell ${dropped} dropped, ${notArrived} did not arrive`]
      : []),
  ];
}

function missingOf(asked: Asked, seen: Seen): string[] {
  const arrived = new Set(seen.events.map(({ id }) => id));
  return asked.ids.filter((id) => asked.promised.has(id) && !arrived.has(id));
}

function rangeOf(asked: Asked, ids: readonly string[]): Omit<ToldGap, "id"> {
  const instants = ids.map((id) => asked.acceptedMs.get(id) ?? Number.NaN);
  return { sinceMs: Math.min(...instants), untilMs: Math.max(...instants), dropped: ids.length };
}

function isSame(a: Omit<ToldGap, "id">, b: ToldGap): boolean {
  return a.sinceMs === b.sinceMs && a.untilMs === b.untilMs && a.dropped === b.dropped;
}
