export { dimmerOf } from "../connect/replica-dimmer.ts";
