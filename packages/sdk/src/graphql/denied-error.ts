import type { Refusal } from "../guard/options.ts";

/** What an error of GraphQL is made of: `new GraphQLError(message, { extensions })`. */
export interface DeniedError {
  readonly message: string;
  readonly extensions: {
    /** `PAYMENT_REQUIRED`, `FORBIDDEN` or `SERVICE_UNAVAILABLE`. */
    readonly code: string;
    /** The problem document, as every door sends it. */
    readonly problem: Readonly<Record<string, unknown>>;
    /** For servers that make their response of it, such as Yoga: the status counts where the media type asks for one. */
    readonly http: {
      readonly spec: true;
      readonly status: number;
      readonly headers: Record<string, string>;
    };
  };
}

const CODES: Readonly<Record<number, string>> = {
  402: "PAYMENT_REQUIRED",
  403: "FORBIDDEN",
  503: "SERVICE_UNAVAILABLE",
};

/**
 * A denial in GraphQL's own form. It makes no `GraphQLError` itself: that must be the one of the server's own copy of
 * `graphql`, or the server takes it for something unexpected and hides it. Never throws.
 */
export function deniedErrorOf({ status, headers, body }: Refusal): DeniedError {
  const problem = JSON.parse(body) as { readonly title: string };
  const { "Content-Type": _type, ...others } = headers;
  const http = { spec: true, status, headers: others } as const;
  return { message: problem.title, extensions: { code: CODES[status] ?? "FORBIDDEN", problem: { ...problem }, http } };
}
