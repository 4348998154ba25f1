import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from "yaml";
import { faultOfCharacters, lineAt, refuseAt } from "./input-place.ts";
import { YamlLexemeGuard } from "./yaml-lexeme-guard.ts";

/** Bounds on what is parsed already. Keys of a map are compared with each other to find one twice: quadratic. */
const LIMITS = { keysInMap: 256, treeDepth: 64 } as const;

/** A tab before anything but what opens elements and keys. */
const TAB_INDENTED = /^[ ?:-]*\t/;

/** How many nodes aliases may unfold to: the `maxAliasCount` of every conversion of a guarded document. */
export const MAX_ALIAS_COUNT = 100;

/** A YAML document and the lines of its offsets. */
export interface GuardedYaml {
  readonly document: Document;
  /** The line (from 1) of an offset in the text. */
  readonly lineOf: (offset: number) => number;
}

/**
 * Parses one YAML 1.2 document (JSON is YAML too) of somebody else's writing: time and memory stay bounded whatever the
 * text, and the first fault ends it. Tags, directives, several documents, merge keys and fields twice are refused;
 * anchors are few. Convert it with `maxAliasCount: MAX_ALIAS_COUNT`.
 *
 * @param text at most 8 MiB: the caller looks at the size before it reads
 * @param file how messages name the file
 * @throws {DimmerError} `input_invalid`, naming file and line
 */
export function parseGuardedYaml(text: string, file: string): GuardedYaml {
  const fault = faultOfCharacters(text);
  if (fault !== undefined) throw refuseAt(file, lineAt(text, fault.index), fault.message);
  return new GuardedParse(text, file).parse();
}

class GuardedParse {
  readonly #text: string;
  readonly #file: string;
  readonly #lines = new LineCounter();
  /** The first fault. The composer turns what is thrown within it into another error: this one is the answer. */
  #fault: Error | undefined;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  parse(): GuardedYaml {
    const composer = new Composer({ schema: "core", version: "1.2", stringKeys: true, merge: false });
    // The composer collects its errors, which would take a kilobyte for every byte at fault; this stops at the first.
    Object.assign(composer, {
      onError: (
        source: number | readonly number[] | { readonly offset: number },
        code: string,
        message: string,
      ): never => {
        const offset = typeof source === "number" ? source : "offset" in source ? source.offset : (source[0] ?? 0);
        throw this.#refuse(
          offset,
          code === "DUPLICATE_KEY" ? "the same field twice; remove one" : this.#notYaml(offset, message),
        );
      },
    });
    const documents: Document[] = [];
    try {
      for (const document of composer.compose(this.#tokens(), true, this.#text.length))
        documents.push(document as Document);
    } catch (cause) {
      if (this.#fault !== undefined) throw this.#fault;
      if (cause instanceof RangeError) throw this.#refuse(0, "nests too deeply; flatten it");
      throw cause;
    }
    return { document: documents[0] as Document, lineOf: (offset) => this.#lineOf(offset) };
  }

  *#tokens(): Generator<CST.Token> {
    const parser = new Parser(this.#lines.addNewLine);
    this.#lines.addNewLine(0);
    const guard = new YamlLexemeGuard();
    let documents = 0;
    const checked = function* (this: GuardedParse, tokens: Iterable<CST.Token>): Generator<CST.Token> {
      for (const token of tokens) {
        if (token.type === "error") throw this.#refuse(token.offset, this.#notYaml(token.offset, token.message));
        if (token.type === "document") {
          if (++documents > 1) throw this.#refuse(token.offset, "a second document (---); write one");
          if (token.value !== undefined) this.#checkTree(token.value);
        }
        yield token;
      }
    }.bind(this);
    for (const lexeme of new Lexer().lex(this.#text)) {
      const fault = guard.look(lexeme);
      if (fault !== undefined) {
        this.#fault ??= refuseAt(this.#file, lineAt(this.#text, guard.offset), fault);
        throw this.#fault;
      }
      yield* checked(parser.next(lexeme));
    }
    yield* checked(parser.end());
  }

  /** Refuses maps of too many keys and trees too deep before they are composed, without recursion. Linear. */
  #checkTree(root: CST.Token): void {
    const open: { readonly token: CST.Token; readonly depth: number }[] = [{ token: root, depth: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { token, depth } = next;
      if (!("items" in token)) continue;
      if (depth > LIMITS.treeDepth) throw this.#refuse(token.offset, "nests too deeply; flatten it");
      const isMap = token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
      if (isMap && token.items.length > LIMITS.keysInMap) {
        throw this.#refuse(token.offset, `over ${LIMITS.keysInMap} fields in one map; write a list`);
      }
      for (const { key, value } of token.items) {
        if (key) open.push({ token: key, depth: depth + 1 });
        if (value) open.push({ token: value, depth: depth + 1 });
      }
    }
  }

  /** What the parser says; of a tab before a text it says anything but that it is one. */
  #notYaml(offset: number, message: string): string {
    const start = this.#text.lastIndexOf("\n", offset - 1) + 1;
    const isTabbed = TAB_INDENTED.test(this.#text.slice(start, start + 256));
    return isTabbed ? "not YAML: a tab in the indentation; indent with spaces" : `not YAML: ${message}`;
  }

  #refuse(offset: number, message: string): Error {
    this.#fault ??= refuseAt(this.#file, this.#lineOf(offset), message);
    return this.#fault;
  }

  #lineOf(offset: number): number {
    return Math.max(1, this.#lines.linePos(offset).line);
  }
}
