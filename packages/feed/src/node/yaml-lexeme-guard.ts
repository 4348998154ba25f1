import { CST } from "yaml";

/** What a YAML text may hold. Legitimate files stay far below all but `tokens`. */
const LIMITS = {
  /** About 100,000 tenants; a token takes some 200 bytes once it is parsed. */
  tokens: 3_000_000,
  flowDepth: 32,
  /** `- - - x` and `? ? ? x`: levels that one line opens. */
  indicatorsInLine: 16,
  /** Anchors and aliases together. */
  anchors: 100,
  /** Fields one after the other, without the start of a list element or of a `{` between. */
  fieldsInRow: 5_000,
} as const;

type LexemeType = ReturnType<typeof CST.tokenType>;

/** What the guard needs to know of each type of lexeme; the others say nothing. */
const STEP_OF: Partial<
  Record<NonNullable<LexemeType>, "open" | "close" | "comma" | "element" | "field" | "text" | "line" | "anchor">
> = {
  "flow-map-start": "open",
  "flow-seq-start": "open",
  "flow-map-end": "close",
  "flow-seq-end": "close",
  comma: "comma",
  "seq-item-ind": "element",
  "explicit-key-ind": "element",
  "map-value-ind": "field",
  scalar: "text",
  "single-quoted-scalar": "text",
  "double-quoted-scalar": "text",
  newline: "line",
  anchor: "anchor",
  alias: "anchor",
};

/** Lexemes that the lexer puts in and that are no characters of the text. */
const MARKERS: ReadonlySet<LexemeType> = new Set<LexemeType>(["doc-mode", "flow-error-end", "scalar"]);

/**
 * Looks at the lexemes of a YAML text before the parser does, and says what is wrong with one: with what would take more
 * time or memory than any file of people's, with tags and with directives. Counts and remembers one lexeme, no more.
 */
export class YamlLexemeGuard {
  /** Where the lexeme looked at last begins. */
  offset = 0;
  #nextOffset = 0;
  #tokens = 0;
  #flowDepth = 0;
  #indicatorsInLine = 0;
  #anchors = 0;
  #fieldsInRow = 0;
  #isText = false;
  #before: string | undefined;

  /** Looks at the next lexeme. @returns what is wrong with the text there; `undefined` where nothing is */
  look(lexeme: string): string | undefined {
    // What follows the mark of a plain text is the text itself, whatever it looks like.
    const type = this.#isText ? undefined : CST.tokenType(lexeme);
    this.#isText = type === "scalar";
    this.offset = this.#nextOffset;
    if (type === undefined || !MARKERS.has(type)) this.#nextOffset += lexeme.length;
    if (++this.#tokens > LIMITS.tokens) return "too much for one YAML file; write NDJSON, one tenant a line";
    if (type === "tag") return "a tag (!); write the plain value, quoted where it is text";
    if (type === "directive-line") return "a directive (%); remove it: the file is read as YAML 1.2";
    const step = type === undefined || type === null ? undefined : STEP_OF[type];
    return step === undefined ? undefined : this.#take(step, lexeme);
  }

  #take(step: NonNullable<(typeof STEP_OF)[keyof typeof STEP_OF]>, lexeme: string): string | undefined {
    const before = this.#before;
    if (step !== "line" || before !== "comma") this.#before = step;
    if (step === "open") this.#flowDepth++;
    if (step === "close") this.#flowDepth--;
    if (step === "line") this.#indicatorsInLine = 0;
    if (step === "element") this.#indicatorsInLine++;
    if (step === "anchor") this.#anchors++;
    this.#fieldsInRow = step === "element" || step === "open" ? 0 : this.#fieldsInRow + (step === "field" ? 1 : 0);
    if (this.#flowDepth < 0) return `not YAML: "${lexeme}" closes what was never opened`;
    if (step === "comma" && (before === "comma" || before === "open"))
      return "not YAML: a comma with nothing before it";
    if (step === "text" && before === "text") return "not YAML: a text beside a text";
    if (this.#flowDepth > LIMITS.flowDepth || this.#indicatorsInLine > LIMITS.indicatorsInLine) {
      return "nests too deeply; flatten it";
    }
    if (this.#fieldsInRow > LIMITS.fieldsInRow) return `over ${LIMITS.fieldsInRow} fields in a row; write a list`;
    if (this.#anchors > LIMITS.anchors) return `over ${LIMITS.anchors} anchors and aliases; write the values out`;
    return undefined;
  }
}
