import { createRequire } from "node:module";

type Yaml = typeof import("yaml");

/**
 * The parser of YAML, loaded where a file is read: a sidecar that is configured by flags and environment holds none for the
 * months that it runs. Loads some 70 modules the first time.
 */
export const yaml = (): Yaml => createRequire(import.meta.url)("yaml") as Yaml;
