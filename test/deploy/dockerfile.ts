/** One instruction of a Dockerfile, with its flags apart: `COPY --from=build a b`. */
export interface Instruction {
  readonly keyword: string;
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, continuation lines joined. */
  readonly text: string;
  /** The words of a JSON array, where the instruction is written as one. */
  readonly words?: readonly string[];
}

/** From one `FROM` to the next. */
export interface Stage {
  readonly name: string;
  /** An image, or the name of an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads what our Dockerfiles are written in: stages with names, `ARG` before the first of them, exec form, flags. No
 * here-documents and no escapes but the continued line.
 *
 * @throws {Error} for an instruction before the first stage that is no `ARG`, and a stage without a name
 */
export function readDockerfile(source: string): Stage[] {
  const lines = source
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const defaults = new Map<string, string>();
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const instruction = readInstruction(line);
    const stage = stages.at(-1);
    if (instruction.keyword === "FROM") {
      const found = /^(\S+) AS (\S+)$/.exec(instruction.text);
      if (found === null) throw new Error(`a stage without a name: ${line}`);
      const [, from = "", name = ""] = found;
      const image = from.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => defaults.get(variable) ?? "");
      stages.push({ name, from: image, instructions: [] });
    } else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.keyword === "ARG") {
      const [name = "", value = ""] = instruction.text.split("=");
      defaults.set(name, value);
    } else throw new Error(`before the first stage: ${line}`);
  }
  return stages;
}

/** The instructions of a stage after those of the stages that it is built from. @throws {Error} where there is none */
export function instructionsOf(stages: readonly Stage[], name: string): readonly Instruction[] {
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`no stage ${name}`);
  const isStage = stages.some((candidate) => candidate.name === stage.from);
  return [...(isStage ? instructionsOf(stages, stage.from) : []), ...stage.instructions];
}

/** What `ENV` and `LABEL` set. Never throws. */
export function pairsOf(instructions: readonly Instruction[], keyword: "ENV" | "LABEL"): Record<string, string> {
  const pairs = instructions
    .filter((instruction) => instruction.keyword === keyword)
    .flatMap(({ text }) => [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)])
    .map(([, name = "", quoted, plain]) => [name, quoted ?? plain ?? ""] as const);
  return Object.fromEntries(pairs);
}

function readInstruction(line: string): Instruction {
  const [, keyword = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
  const flags: Record<string, string> = {};
  let text = rest;
  for (;;) {
    const found = /^--([a-z-]+)=(\S+)\s+/.exec(text);
    if (found === null) break;
    const [whole, name = "", value = ""] = found;
    flags[name] = value;
    text = text.slice(whole.length);
  }
  const exec = keyword === "HEALTHCHECK" ? text.replace(/^CMD\s+/, "") : text;
  const words = exec.startsWith("[") ? (JSON.parse(exec) as string[]) : undefined;
  return { keyword, flags, text, ...(words === undefined ? {} : { words }) };
}
