import type { IncomingMessage } from "node:http";
import type { Transaction } from "kysely";
import type { z } from "zod";
import type { Actor, Role } from "../changes/actor.ts";
import type { ApiKey } from "../credentials/api-keys.ts";
import type { Isolation } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import type { Service } from "./service.ts";

/** Who may use an operation: nobody needs a key, any key will do, or one with one of these roles. */
export type Access = "public" | "any key" | readonly Role[];

/** What an operation answers with one status, as it is documented. */
export interface AnswerDescription {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Default `application/json`, where there is a schema. */
  readonly type?: string;
}

interface Described {
  readonly name: string;
  readonly tag: string;
  /** With `{parameter}` segments. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly answers: Readonly<Record<number, AnswerDescription>>;
}

/** What a handler of a read is given. */
export interface ReadCall<P, Q> {
  readonly service: Service;
  readonly key: ApiKey;
  readonly params: P;
  readonly query: Q;
  readonly header: (name: string) => string | undefined;
}

/** What a read answers. */
export interface ReadAnswer {
  readonly status?: number;
  readonly body: unknown;
  /** The revision of what is answered, which becomes its ETag. */
  readonly revision?: number;
}

/** What a handler of a write is given. It runs in a transaction, perhaps several times. */
export interface WriteCall<P, Q, B> {
  readonly service: Service;
  readonly queries: Transaction<Tables>;
  readonly key: ApiKey;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The revision that the caller has seen, by `If-Match`; 0 for `If-None-Match: *`. */
  readonly ifRevision: number | undefined;
  readonly nowMs: number;
  /** Who writes, in the first of these roles that the key has. @throws {Fault} `forbidden` where it has none */
  readonly as: (roles: readonly Role[], what: string) => Actor;
}

/** What a write answers. */
export interface WriteAnswer {
  readonly status: 200 | 201;
  readonly body: Readonly<Record<string, unknown>>;
  readonly revision?: number;
  readonly location?: string;
  /** Members of the body that are shown once: a repeated request does not get them again. */
  readonly once?: Readonly<Record<string, unknown>>;
  /** Whether a case has something new: the runner looks at it at once. */
  readonly wakesCases?: boolean;
  /** Whether cases have something new to look at. */
  readonly hasNewFacts?: boolean;
  /** What is published of it: the answer then waits for the version that carries it. */
  readonly published?: {
    readonly pending: readonly number[];
    /** Where nothing changed: what is pending of this tenant already. */
    readonly tenant?: string;
  };
}

/** A read as a resource defines it. */
export interface ReadDefinition<P extends z.ZodType, Q extends z.ZodType> extends Described {
  readonly params?: P;
  readonly query?: Q;
  readonly handle: (call: ReadCall<z.output<P>, z.output<Q>>) => Promise<ReadAnswer>;
}

/** A write as a resource defines it. */
export interface WriteDefinition<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodObject> extends Described {
  readonly method: "PUT" | "POST" | "DELETE";
  readonly params?: P;
  readonly query?: Q;
  /** A strict object; `reason` is added to it. Without it there is no body. */
  readonly body?: B;
  readonly isolation?: Isolation;
  readonly handle: (call: WriteCall<z.output<P>, z.output<Q>, z.output<B>>) => Promise<WriteAnswer>;
}

/** A door that is neither: it is given the request as it came. */
export interface RawDefinition extends Described {
  readonly method: "GET" | "POST";
  readonly query?: z.ZodType;
  readonly params?: z.ZodType;
  /** What the body may be, by its media type. */
  readonly bodies?: Readonly<Record<string, z.ZodType>>;
  readonly answer: (call: RawCall) => Promise<Response>;
}

/** What a raw door is given. */
export interface RawCall {
  readonly service: Service;
  /** `undefined` where the door is public. */
  readonly key: ApiKey | undefined;
  readonly params: unknown;
  readonly query: unknown;
  readonly request: IncomingMessage;
}

type AnyCall = Parameters<WriteDefinition<z.ZodType, z.ZodType, z.ZodObject>["handle"]>[0];

/** An operation of the API, its types forgotten. */
export type Operation = Described & {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly params?: z.ZodType | undefined;
  readonly query?: z.ZodType | undefined;
  readonly body?: z.ZodObject | undefined;
} & (
    | { readonly kind: "read"; readonly handle: (call: ReadCall<never, never>) => Promise<ReadAnswer> }
    | {
        readonly kind: "write";
        readonly isolation?: Isolation | undefined;
        readonly handle: (call: AnyCall & { params: never; query: never; body: never }) => Promise<WriteAnswer>;
      }
    | {
        readonly kind: "raw";
        readonly bodies?: Readonly<Record<string, z.ZodType>> | undefined;
        readonly answer: (call: RawCall) => Promise<Response>;
      }
  );

/** Makes an operation that reads. */
export function reads<P extends z.ZodType, Q extends z.ZodType>(definition: ReadDefinition<P, Q>): Operation {
  return { kind: "read", method: "GET", ...definition } as Operation;
}

/** Makes an operation that writes. */
export function writes<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodObject>(
  definition: WriteDefinition<P, Q, B>,
): Operation {
  return { kind: "write", ...definition } as Operation;
}

/** Makes an operation that answers for itself. */
export function answers(definition: RawDefinition): Operation {
  return { kind: "raw", ...definition };
}
