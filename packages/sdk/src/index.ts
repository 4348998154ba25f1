export { connect } from "./connect/connect.ts";
export type { AskWith, Dimmer, DimmerWith } from "./connect/dimmer.ts";
export type { DimmerEvents } from "./connect/events.ts";
export type { JsonObject, NamesOf, PolicyNames } from "./connect/names.ts";
export type { ConnectOptions } from "./connect/options.ts";
