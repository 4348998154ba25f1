/** Values with their labels. */
export type Labelled = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly read: () => Labelled;
}

/**
 * Metrics that are read when they are scraped, and the text that Prometheus takes. Written by hand: a library that keeps
 * metric objects takes megabytes of a process that only has plain numbers to tell.
 */
export class Metrics {
  static readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #all = new Map<string, Metric>();

  /** Registers a counter. @throws {TypeError} where the name is taken */
  count(name: string, help: string, read: () => Labelled): void {
    this.#add({ name, help, type: "counter", read });
  }

  /** Registers a gauge; what is not known is left out. @throws {TypeError} where the name is taken */
  gauge(name: string, help: string, read: () => Labelled | number | undefined): void {
    const values = (value: Labelled | number | undefined): Labelled =>
      typeof value === "number" ? alone(value) : (value ?? []);
    this.#add({ name, help, type: "gauge", read: () => values(read()) });
  }

  /** Reads all of them and writes them down. Throws what a metric throws that is read. */
  text(): string {
    return [...this.#all.values()].map((metric) => `${textOf(metric)}\n`).join("\n");
  }

  #add(metric: Metric): void {
    if (this.#all.has(metric.name)) throw new TypeError(`metric ${metric.name} is registered twice: name it otherwise`);
    this.#all.set(metric.name, metric);
  }
}

/** A value without labels. */
export const alone = (value: number): Labelled => [[{}, value]];

function textOf({ name, help, type, read }: Metric): string {
  const lines = [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`];
  for (const [labels, value] of read()) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`);
    lines.push(`${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}`);
  }
  return lines.join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
