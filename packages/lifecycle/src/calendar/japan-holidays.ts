import { epochDayOf, isoDateOf, weekdayOf } from "./epoch-day.ts";

/** The data below, as decisions store it. It changes with every change of the data. */
export const JAPAN_VERSION = "jp/2026.1";

/** The years that the data covers: from the first year of Mountain Day to the last that the equinoxes stand for. */
export const JAPAN_YEARS: readonly [first: number, last: number] = [2016, 2050];

/** The last year whose holidays are announced in the official gazette; later ones follow from the present law. */
export const JAPAN_ANNOUNCED_UNTIL = 2027;

interface HolidayRule {
  readonly name: string;
  readonly nameJa: string;
  /** `MM-DD`, or the n-th Monday of a month as `MM#n`. */
  readonly on: string;
  readonly first?: number;
  readonly last?: number;
  /** Years in which the day was moved by law, with its date there. */
  readonly moved?: Readonly<Record<number, string>>;
}

/** The Act on National Holidays with its special laws (2017-63, 2018-55, 2018-57, 2018-99, 2020-68). */
const RULES: readonly HolidayRule[] = [
  { name: "New Year's Day", nameJa: "元日", on: "01-01" },
  { name: "Coming of Age Day", nameJa: "成人の日", on: "01#2" },
  { name: "National Foundation Day", nameJa: "建国記念の日", on: "02-11" },
  { name: "Emperor's Birthday", nameJa: "天皇誕生日", on: "02-23", first: 2020 },
  { name: "Shōwa Day", nameJa: "昭和の日", on: "04-29" },
  { name: "Enthronement of the Emperor", nameJa: "天皇の即位の日", on: "05-01", first: 2019, last: 2019 },
  { name: "Constitution Memorial Day", nameJa: "憲法記念日", on: "05-03" },
  { name: "Greenery Day", nameJa: "みどりの日", on: "05-04" },
  { name: "Children's Day", nameJa: "こどもの日", on: "05-05" },
  { name: "Marine Day", nameJa: "海の日", on: "07#3", moved: { 2020: "07-23", 2021: "07-22" } },
  { name: "Mountain Day", nameJa: "山の日", on: "08-11", moved: { 2020: "08-10", 2021: "08-08" } },
  { name: "Respect for the Aged Day", nameJa: "敬老の日", on: "09#3" },
  { name: "Health and Sports Day", nameJa: "体育の日", on: "10#2", last: 2019 },
  {
    name: "Sports Day",
    nameJa: "スポーツの日",
    on: "10#2",
    first: 2020,
    moved: { 2020: "07-24", 2021: "07-23" },
  },
  { name: "Enthronement Ceremony", nameJa: "即位礼正殿の儀", on: "10-22", first: 2019, last: 2019 },
  { name: "Culture Day", nameJa: "文化の日", on: "11-03" },
  { name: "Labour Thanksgiving Day", nameJa: "勤労感謝の日", on: "11-23" },
  { name: "Emperor's Birthday", nameJa: "天皇誕生日", on: "12-23", last: 2018 },
];

/**
 * The equinoxes, one digit a year from 2016: the day in March less 20, the day in September less 22. To 2027 as
 * announced by the National Astronomical Observatory, later as computed from the same ephemeris.
 */
const VERNAL = "00110011000100010001000100010001000";
const AUTUMNAL = "01110111011101110111011101110011001";

/** A public holiday. */
export interface Holiday {
  readonly name: string;
  readonly nameJa: string;
}

/** The public holidays of Japan in one year by the number of their day, with 振替休日 and 国民の休日. */
export function japanHolidaysOf(year: number): ReadonlyMap<number, Holiday> {
  const national = new Map<number, Holiday>();
  for (const rule of RULES) {
    if (year < (rule.first ?? JAPAN_YEARS[0]) || year > (rule.last ?? JAPAN_YEARS[1])) continue;
    national.set(dayOfRule(rule.moved?.[year] ?? rule.on, year), { name: rule.name, nameJa: rule.nameJa });
  }
  const index = year - JAPAN_YEARS[0];
  const vernal = epochDayOf(`${year}-03-2${VERNAL[index]}`);
  national.set(vernal, { name: "Vernal Equinox Day", nameJa: "春分の日" });
  const autumnal = epochDayOf(`${year}-09-${22 + Number(AUTUMNAL[index])}`);
  national.set(autumnal, { name: "Autumnal Equinox Day", nameJa: "秋分の日" });
  return withRestDays(national);
}

function dayOfRule(on: string, year: number): number {
  const [month, nth] = on.split("#") as [string, string | undefined];
  if (nth === undefined) return epochDayOf(`${year}-${on}`);
  const first = epochDayOf(`${year}-${month}-01`);
  const firstMonday = first + ((8 - weekdayOf(first)) % 7);
  return firstMonday + (Number(nth) - 1) * 7;
}

/** Article 3: a holiday on a Sunday is made up for by the next day that is none; a day between two is one too. */
function withRestDays(national: ReadonlyMap<number, Holiday>): Map<number, Holiday> {
  const holidays = new Map(national);
  for (const [day, { name, nameJa }] of national) {
    if (weekdayOf(day) !== 0) continue;
    let substitute = day + 1;
    while (national.has(substitute)) substitute += 1;
    holidays.set(substitute, { name: `${name} (substitute)`, nameJa: `${nameJa} 振替休日` });
  }
  for (const day of national.keys()) {
    const between = day + 1;
    if (holidays.has(between) || !national.has(day + 2)) continue;
    holidays.set(between, { name: "Citizens' Holiday", nameJa: "国民の休日" });
  }
  return new Map([...holidays].sort(([a], [b]) => a - b));
}

/** The days on which an office is closed at the end of a year beside the public holidays, as `MM-DD`. */
export const YEAR_END: Readonly<Record<"jp-bank" | "jp-government", readonly string[]>> = {
  "jp-bank": ["01-02", "01-03", "12-31"],
  "jp-government": ["01-02", "01-03", "12-29", "12-30", "12-31"],
};

/** Every holiday of the data as ISO dates, for one year: to show, and to compare with other tables. */
export function japanHolidayDates(year: number): readonly (Holiday & { readonly date: string })[] {
  return [...japanHolidaysOf(year)].map(([day, holiday]) => ({ date: isoDateOf(day), ...holiday }));
}
