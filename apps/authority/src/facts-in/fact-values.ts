import { z } from "zod";
import { lineOfText } from "../api/values.ts";

const LEAST_MS = 0;
/** 2199-12-31T23:59:59.999Z: no calendar reaches further. */
const MOST_MS = 7_258_118_399_999;

/** An instant as people write it, to the millisecond; Unix milliseconds once read. */
export const instantMs: z.ZodType<number, string> = z
  .string()
  .max(64)
  .meta({
    description: "ISO 8601 with a zone or an offset; years 1970 to 2199.",
    examples: ["2026-12-25T23:59:59.999+09:00"],
  })
  .transform((text, context) => {
    const ms = instantOf(text);
    if (ms !== undefined) return ms;
    context.issues.push({
      code: "custom",
      input: text,
      message: 'must be an instant with its zone, such as "2026-12-25T09:00:00+09:00", in the years 1970 to 2199',
    });
    return z.NEVER;
  });

function instantOf(text: string): number | undefined {
  let ms: number;
  try {
    ms = Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    return undefined;
  }
  return ms >= LEAST_MS && ms <= MOST_MS ? ms : undefined;
}

/** The name of something in the books: an invoice, a payment, a dispute. */
export const billingId: z.ZodString = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._:/#-]{0,127}$/, {
    error: "must be 1 to 128 characters of A–Z a–z 0–9 . _ : / # -, the first a letter, a digit or _",
  })
  .meta({ examples: ["INV-2026-0042"] });

/** Money in whole least units: yen, cents. */
export const amount: z.ZodNumber = z
  .number()
  .int({ error: "must be a whole number of the least unit: 550 for 550 yen, 1999 for 19.99 dollars" })
  .min(1, { error: "must be over 0: a credit note or a reversal says what goes the other way" })
  .max(Number.MAX_SAFE_INTEGER)
  .meta({ description: "In the least unit of the currency: yen, cents.", examples: [55_000] });

/** A currency by its code. Whether it is known is judged with the fact. */
export const currency: z.ZodString = z
  .string()
  .regex(/^[A-Z]{3}$/, { error: "must be three capital letters of ISO 4217, such as JPY" })
  .meta({ examples: ["JPY"] });

const calendarDate = z
  .string()
  .regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, { error: "must be a date, such as 2026-12-01" });

/** What an invoice is for: its first and last day, as notices print them. */
export const billedPeriod: z.ZodObject<{ from: z.ZodString; to: z.ZodString }> = z
  .strictObject({ from: calendarDate, to: calendarDate })
  .refine(({ from, to }) => from <= to, { error: "must not end before it begins", path: ["to"] });

/** A due date: a day, and where it is meant. */
export const zonedDate: z.ZodObject<{ date: z.ZodString; zone: z.ZodString }> = z.strictObject({
  date: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, { error: "must be a date, such as 2026-12-25" })
    .meta({ examples: ["2026-12-25"] }),
  zone: z
    .string({ error: 'is missing: a date without its zone is another day to each reader; write "Asia/Tokyo"' })
    .min(1)
    .max(64)
    .meta({ description: "IANA zone.", examples: ["Asia/Tokyo"] }),
});

/** What a failed payment failed by. */
export const failureCode: z.ZodString = z
  .string()
  .regex(/^[a-z0-9_.-]{1,64}$/, { error: "must be a code, such as card_declined" })
  .meta({ examples: ["card_declined"] });

/** The month in which a card ends. */
export const cardMonth: z.ZodString = z
  .string()
  .regex(/^\d{4}-(?:0[1-9]|1[0-2])$/, { error: "must be a month, such as 2027-01" })
  .meta({ examples: ["2027-01"] });

/** A note for people. */
export const note: z.ZodString = lineOfText(500);
