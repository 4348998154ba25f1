import { z } from "zod";

/** The contract of what `GET /v1/feed/keysets` answers. */
export const keysetsSchema: z.ZodType = z
  .object({ keysets: z.array(z.string()).meta({ description: "Tokens, oldest first." }) })
  .meta({ id: "Keysets" });

/** The contract of what `GET /openapi.json` answers, as far as this document describes itself. */
export const documentSchema: z.ZodType = z
  .object({ openapi: z.string(), info: z.object({ title: z.string(), version: z.string() }), paths: z.looseObject({}) })
  .loose()
  .meta({ id: "Document" });
