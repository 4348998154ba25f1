import type { Reach } from "../listen/admission.ts";

/** What a door answers with one status. */
export interface OperationAnswer {
  readonly description: string;
  /** Media type; left out where there is no body. */
  readonly type?: string;
  /** The contract of a JSON body. */
  readonly schema?: string;
}

/** A parameter of a path, query or header, as OpenAPI writes it. */
export interface OperationParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly example: string;
}

/** One door as it is documented. */
export interface Operation {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With `{parameter}` segments. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly reach: Reach;
  readonly parameters?: readonly OperationParameter[];
  /** The contract of the JSON body. */
  readonly body?: string;
  readonly answers: Readonly<Record<string, OperationAnswer>>;
}

/** A problem document as an answer. */
export const problem = (description: string): OperationAnswer => ({
  description,
  type: "application/problem+json",
  schema: "Problem",
});
/** A JSON body as an answer. */
export const json = (schema: string, description: string): OperationAnswer => ({
  description,
  type: "application/json",
  schema,
});
