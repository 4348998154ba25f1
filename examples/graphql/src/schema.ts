import type { GraphQLSchema } from "graphql";
import { createSchema } from "graphql-yoga";

/** A schema of notes. Subscriptions tick, so that there is something to end. */
export function createNotesSchema(): GraphQLSchema {
  const notes: string[] = [];
  return createSchema({
    typeDefs: /* GraphQL */ `
      type Query { notes: [String!]! exportNotes: String! }
      type Mutation { createNote(text: String!): String! deleteNote(text: String!): Boolean! pay: Boolean! }
      type Subscription { noteCount: Int! auditTrail: Int! }
    `,
    resolvers: {
      Query: { notes: () => notes, exportNotes: () => notes.join("\n") },
      Mutation: {
        createNote: (_root, { text }: { readonly text: string }) => {
          notes.push(text);
          return text;
        },
        deleteNote: (_root, { text }: { readonly text: string }) => {
          const at = notes.indexOf(text);
          if (at !== -1) notes.splice(at, 1);
          return at !== -1;
        },
        pay: () => true,
      },
      Subscription: { noteCount: countOf(notes), auditTrail: countOf(notes) },
    },
  });
}

interface Counted {
  readonly subscribe: () => AsyncGenerator<number>;
  readonly resolve: (count: number) => number;
}

function countOf(notes: readonly string[]): Counted {
  return { subscribe: () => countEverySecond(notes), resolve: (count) => count };
}

/** The count of notes now and then, for as long as somebody asks. */
async function* countEverySecond(notes: readonly string[]): AsyncGenerator<number> {
  for (;;) {
    yield notes.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000).unref());
  }
}
