import type { FetchGuard, FetchHandler } from "@dimmer/sdk/fetch";
import { sessionOf } from "./sessions.ts";

/** What Next.js hands to a handler of `app/api/notes/[id]/route.ts`. */
export interface RouteContext {
  readonly params: Promise<{ readonly id: string }>;
}

type Handler = (request: Request, context: RouteContext) => Promise<Response>;

/** The handlers that a `route.ts` exports: `export const { GET, PUT } = notesRoute(guard)`. */
export function notesRoute(guard: FetchGuard): { readonly GET: Handler; readonly PUT: Handler } {
  const notes = new Map<string, string>();
  const keyOf = async (request: Request, { params }: RouteContext): Promise<string> =>
    `${sessionOf(request)?.tenant} ${(await params).id}`;
  const read: FetchHandler<[RouteContext]> = async (request, context) => {
    const text = notes.get(await keyOf(request, context));
    return text === undefined ? Response.json({ title: "No such note" }, { status: 404 }) : new Response(text);
  };
  const write: FetchHandler<[RouteContext]> = async (request, context) => {
    notes.set(await keyOf(request, context), await request.text());
    return new Response(null, { status: 204 });
  };
  return { GET: guard(read), PUT: guard(write) };
}

/** The handlers of `app/api/pay/route.ts`. */
export function payRoute(guard: FetchGuard): { readonly POST: (request: Request) => Promise<Response> } {
  return { POST: guard(() => Response.json({ payment: "begun" }, { status: 202 })) };
}
