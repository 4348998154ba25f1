import { Counter, Gauge, type Registry } from "prom-client";

/** Values with their labels. */
export type Labelled = readonly (readonly [labels: Record<string, string>, value: number])[];

/** Registers a counter whose values are read at the scrape. */
export function count(registry: Registry, name: string, help: string, read: () => Labelled): void {
  const metric: Counter = new Counter({
    name,
    help,
    labelNames: Object.keys(read()[0]?.[0] ?? {}),
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const [labels, value] of read()) metric.inc(labels, value);
    },
  });
}

/** Registers a gauge whose values are read at the scrape; what is not known is left out. */
export function gauge(registry: Registry, name: string, help: string, read: () => Labelled | number | undefined): void {
  const first = read();
  const metric: Gauge = new Gauge({
    name,
    help,
    labelNames: typeof first === "object" ? Object.keys(first[0]?.[0] ?? {}) : [],
    registers: [registry],
    collect: () => {
      metric.reset();
      const values = read();
      if (values === undefined) metric.remove();
      else if (typeof values === "number") metric.set(values);
      else for (const [labels, value] of values) metric.set(labels, value);
    },
  });
}

/** A value without labels. */
export const alone = (value: number): Labelled => [[{}, value]];
