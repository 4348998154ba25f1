export { connectRemote } from "./connect-remote.ts";
export type { RemoteOptions } from "./options.ts";
export type { RemoteDimmer, RemoteDimmerWith, RemoteEvents, RemoteStatus } from "./remote-dimmer.ts";
