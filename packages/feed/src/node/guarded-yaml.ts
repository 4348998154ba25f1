import { Composer, CST, type Document, Lexer, LineCounter, Parser } from "yaml";
import { faultOfCharacters, lineAt, refuseAt } from "./input-place.ts";

/** What a YAML file may cost at most. It is read as a whole: a token takes about 200 bytes. */
const LIMITS = {
  tokens: 4_000_000,
  flowDepth: 32,
  /** `- - - x` and `? ? ? x`: levels that one line opens. */
  indicatorsInLine: 16,
  /** Anchors and aliases together. */
  anchors: 100,
  /** Fields in one map. Keys are compared with each other to find one that stands twice, which is quadratic. */
  keysInMap: 256,
  treeDepth: 64,
} as const;

/** The most bytes that a YAML file may have. */
export const MAX_YAML_BYTES: number = 16 * 1024 * 1024;
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
 * @param file how messages name the file
 * @throws {DimmerError} `input_invalid`, naming file and line
 */
export function parseGuardedYaml(text: string, file: string): GuardedYaml {
  const fault = faultOfCharacters(text);
  if (fault !== undefined) throw refuseAt(file, lineAt(text, fault.index), fault.message);
  const lines = new LineCounter();
  return { document: compose(text, file, lines), lineOf: (offset) => lineOfOffset(lines, offset) };
}

/** Lexes, parses and composes in one pass that stops at the first fault: an error a byte would fill the memory. */
function compose(text: string, file: string, lines: LineCounter): Document {
  const composer = new Composer({ schema: "core", version: "1.2", stringKeys: true, merge: false });
  // The composer collects its errors in an array; this stops at the first instead.
  Object.assign(composer, {
    onError: (
      source: number | readonly number[] | { readonly offset: number },
      code: string,
      message: string,
    ): never => {
      const offset = typeof source === "number" ? source : "offset" in source ? source.offset : (source[0] ?? 0);
      const what = code === "DUPLICATE_KEY" ? "the same field twice; remove one" : `not YAML: ${message}`;
      throw refuseAt(file, lineOfOffset(lines, offset), what);
    },
  });
  let document: Document | undefined;
  try {
    for (const composed of composer.compose(guardedTokens(text, file, lines), true, text.length)) {
      document = composed as Document;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw refuseAt(file, 1, "nests too deeply; flatten it");
    throw cause;
  }
  return document as Document;
}

function* guardedTokens(text: string, file: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of guardedLexemes(text, file)) yield* checkedTokens(parser.next(lexeme), file, lines);
  yield* checkedTokens(parser.end(), file, lines);
}

function* checkedTokens(tokens: Iterable<CST.Token>, file: string, lines: LineCounter): Generator<CST.Token> {
  for (const token of tokens) {
    if (token.type === "error") throw refuseAt(file, lineOfOffset(lines, token.offset), `not YAML: ${token.message}`);
    if (token.type === "document" && token.value !== undefined) checkTree(token.value, file, lines);
    yield token;
  }
}

/** Counts what the parser would take memory for, before it does. */
function* guardedLexemes(text: string, file: string): Generator<string> {
  let offset = 0;
  let tokens = 0;
  let flowDepth = 0;
  let indicatorsInLine = 0;
  let anchors = 0;
  let documents = 0;
  let isScalar = false;
  const refuse = (message: string): Error => refuseAt(file, lineAt(text, offset), message);
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > LIMITS.tokens) throw refuse("too much for one YAML file; write NDJSON where that is possible");
    const type: ReturnType<typeof CST.tokenType> | "text" = isScalar ? "text" : CST.tokenType(lexeme);
    isScalar = type === "scalar";
    if (type === "flow-map-start" || type === "flow-seq-start") flowDepth++;
    else if (type === "flow-map-end" || type === "flow-seq-end") flowDepth--;
    else if (type === "newline") indicatorsInLine = 0;
    else if (type === "seq-item-ind" || type === "explicit-key-ind") indicatorsInLine++;
    else if (type === "anchor" || type === "alias") anchors++;
    else if (type === "doc-start") documents++;
    else if (type === "tag") throw refuse("a tag (!); write the plain value, quoted where it is text");
    else if (type === "directive-line") throw refuse("a directive (%); remove it: the file is read as YAML 1.2");
    if (flowDepth < 0) throw refuse(`not YAML: "${lexeme}" closes what was never opened`);
    if (flowDepth > LIMITS.flowDepth || indicatorsInLine > LIMITS.indicatorsInLine) {
      throw refuse("nests too deeply; flatten it");
    }
    if (anchors > LIMITS.anchors) throw refuse(`over ${LIMITS.anchors} anchors and aliases; write the values out`);
    if (documents > 1) throw refuse("a second document (---); write one");
    if (!isMarker(type)) offset += lexeme.length;
    yield lexeme;
  }
}

/** Lexemes that the lexer puts in and that are no characters of the text. */
function isMarker(type: ReturnType<typeof CST.tokenType> | "text"): boolean {
  return type === "doc-mode" || type === "flow-error-end" || type === "scalar";
}

/** Refuses maps of too many keys and trees too deep before they are composed, without recursion. Linear. */
function checkTree(root: CST.Token, file: string, lines: LineCounter): void {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [{ token: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (!("items" in token)) continue;
    const refuse = (message: string): Error => refuseAt(file, lineOfOffset(lines, token.offset), message);
    if (depth > LIMITS.treeDepth) throw refuse("nests too deeply; flatten it");
    const isMapToken = token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
    if (isMapToken && token.items.length > LIMITS.keysInMap) {
      throw refuse(`over ${LIMITS.keysInMap} fields in one map; write a list`);
    }
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 });
      if (value) open.push({ token: value, depth: depth + 1 });
    }
  }
}

function lineOfOffset(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}
