const DAY_MS = 86_400_000;
const MAX_REMEMBERED = 20_000;
const MAX_ZONES = 1_000;

/** Days and times of day in one zone, as instants. Daylight saving is the zone's own; instants met are remembered. */
export class ZoneDays {
  readonly zone: string;
  readonly #instants = new Map<number, number>();
  readonly #written = new Map<number, string>();

  /** @throws {RangeError} where the runtime does not know the zone */
  constructor(zone: string) {
    this.zone = zone;
    this.instantOf(0, 0);
  }

  /**
   * The instant of a time of day, in Unix milliseconds; one that a change of clocks leaves out is the next that exists.
   *
   * @param day days since 1970-01-01
   * @param minute minutes since midnight, 0 to 1,439
   */
  instantOf(day: number, minute: number): number {
    const key = day * 1_440 + minute;
    const known = this.#instants.get(key);
    if (known !== undefined) return known;
    const plainTime = Temporal.PlainTime.from({ hour: Math.floor(minute / 60), minute: minute % 60 });
    const { epochMilliseconds } = EPOCH.add({ days: day }).toZonedDateTime({ timeZone: this.zone, plainTime });
    if (this.#instants.size >= MAX_REMEMBERED) this.#instants.clear();
    this.#instants.set(key, epochMilliseconds);
    return epochMilliseconds;
  }

  /** The first instant of a day, in Unix milliseconds. */
  startOf(day: number): number {
    return this.instantOf(day, 0);
  }

  /** The day of an instant, as days since 1970-01-01. */
  dayOf(atMs: number): number {
    let day = Math.floor(atMs / DAY_MS);
    while (this.startOf(day) > atMs) day -= 1;
    while (this.startOf(day + 1) <= atMs) day += 1;
    return day;
  }

  /** An instant as ISO 8601 with the zone's offset, to the second: `2027-01-07T09:00:00+09:00`. */
  iso(atMs: number): string {
    const known = this.#written.get(atMs);
    if (known !== undefined) return known;
    const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(this.zone);
    const text = zoned.toString({ timeZoneName: "never", smallestUnit: "second" });
    if (this.#written.size >= MAX_REMEMBERED) this.#written.clear();
    this.#written.set(atMs, text);
    return text;
  }
}

const EPOCH = Temporal.PlainDate.from("1970-01-01");
const zones = new Map<string, ZoneDays>();

/**
 * The days of a zone, made once.
 *
 * @throws {RangeError} where the runtime does not know the zone
 */
export function zoneDaysOf(zone: string): ZoneDays {
  const known = zones.get(zone);
  if (known !== undefined) return known;
  const made = new ZoneDays(zone);
  if (zones.size >= MAX_ZONES) zones.clear();
  zones.set(zone, made);
  return made;
}

/** Whether the runtime knows an IANA zone of this name; offsets are no zones. Never throws. */
export function isZoneName(zone: unknown): zone is string {
  if (typeof zone !== "string" || !/^[A-Za-z]/.test(zone)) return false;
  try {
    zoneDaysOf(zone);
    return true;
  } catch {
    return false;
  }
}
