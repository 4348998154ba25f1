import { z } from "zod";
import { ID_WANTS, MAX_SECONDS } from "./wire-values.ts";

// The parts that the schemas of the wire share. The property tests hold them equal to the checks written by hand.

const ID = /^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/;

/** The id of a tenant. */
export const tenantIdSchema: z.ZodType<string> = z.string().regex(ID, ID_WANTS);

/** A case id has the form of a tenant id. */
export const caseIdSchema: z.ZodType<string> = z.string().regex(ID, ID_WANTS);

/** The name of a capability, mode, plan or feature. */
export const nameSchema: z.ZodType<string, string> = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/, "must be lower-case words joined by dots");

/** Whole Unix seconds. */
export const secondsSchema: z.ZodType<number> = z.int().min(0).max(MAX_SECONDS);

/** A whole number from 0 on. */
export const countSchema: z.ZodType<number> = z.int().min(0);

/** A SHA-256 as base64url. */
export const digestSchema: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "must be a SHA-256 as base64url");

/** The id of a key. */
export const kidSchema: z.ZodType<string> = z.string().regex(/^[A-Za-z0-9_-]{16}$/, "must be a key id");

/** Who signed. */
export const issuerSchema: z.ZodType<string> = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, "must be 1 to 256 visible ASCII characters");

/** For whom it was signed. */
export const audienceSchema: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, "must be the name of an audience");
