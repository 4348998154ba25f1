export { DimmerProvider, type DimmerProviderOptions } from "./dimmer-provider.ts";
