export { connect } from "./connect/connect.ts";
export type { AskOf, Dimmer } from "./connect/dimmer.ts";
export type { DimmerEvents } from "./connect/events.ts";
export type { CapabilityOf, FeatureOf, JsonFeature, ValueOf, Widened } from "./connect/names.ts";
export type { ConnectOptions } from "./connect/options.ts";
