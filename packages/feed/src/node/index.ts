export { directorySource } from "./directory-source.ts";
export { type HttpSourceOptions, httpSource } from "./http-source.ts";
export { systemClock } from "./system-clock.ts";
