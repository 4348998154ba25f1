import { json, type Operation, problem } from "./operation.ts";

const FAILURES = {
  "400": json("OfrepFailure", "The context is malformed."),
  "413": json("OfrepFailure", "The body has over 64 KB."),
  "415": json("OfrepFailure", "The body has a content-encoding."),
} as const;

/** The doors of the OpenFeature Remote Evaluation Protocol 0.3.0. */
export const OFREP_OPERATIONS: readonly Operation[] = [
  {
    name: "ofrepFlag",
    method: "POST",
    path: "/ofrep/v1/evaluate/flags/{key}",
    summary: "OFREP: one flag",
    description:
      "Features are flags; capabilities are boolean flags `can.<capability>`. A denial is 200: `false`, 0 for a number, no value for the rest.",
    reach: "checks",
    parameters: [
      {
        name: "key",
        in: "path",
        required: true,
        description: "The flag.",
        schema: { type: "string" },
        example: "can.create",
      },
    ],
    body: "OfrepRequest",
    answers: {
      "200": json("OfrepFlag", "The flag."),
      ...FAILURES,
      "404": json("OfrepFailure", "The policy in force has no such flag."),
    },
  },
  {
    name: "ofrepFlags",
    method: "POST",
    path: "/ofrep/v1/evaluate/flags",
    summary: "OFREP: all flags",
    description: "With an entity tag over the context and all that is answered.",
    reach: "checks",
    body: "OfrepRequest",
    answers: {
      "200": json("OfrepFlags", "The flags."),
      "304": { description: "They are those that If-None-Match names." },
      ...FAILURES,
    },
  },
  {
    name: "ofrepEvents",
    method: "GET",
    path: "/ofrep/v1/events",
    summary: "OFREP: when to evaluate again",
    description: "Server-sent events: `refetchEvaluation` whenever where the tenant stands changes.",
    reach: "checks",
    parameters: [
      {
        name: "targetingKey",
        in: "query",
        required: true,
        description: "The tenant.",
        schema: { type: "string" },
        example: "acme",
      },
    ],
    answers: {
      "200": { description: "The stream.", type: "text/event-stream" },
      "400": problem("The targeting key is no tenant id."),
      "503": problem("No more streams are opened at present."),
    },
  },
];
