export { AUTHORITY_OPTIONS, type OptionDefinition, type OptionName, type Settings } from "./config/options.ts";
export { type AuthorityConfig, type ConfigSources, readAuthorityConfig } from "./config/read.ts";
export { type Authority, type AuthorityPorts, startAuthority } from "./start-authority.ts";
