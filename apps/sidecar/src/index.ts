export { type OptionDefinition, type OptionName, SIDECAR_OPTIONS } from "./config/options.ts";
export { printConfig } from "./config/print.ts";
export { type ConfigSources, readSidecarConfig, type SidecarConfig } from "./config/read.ts";
export { readRouteFile } from "./route-file.ts";
export { type Sidecar, type SidecarPorts, startSidecar } from "./start.ts";
