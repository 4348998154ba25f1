import { hideUserinfo } from "./audience.ts";
import { yaml } from "./lazy-yaml.ts";
import { type OptionName, SIDECAR_OPTIONS } from "./options.ts";
import type { SidecarConfig } from "./read.ts";

const HIDDEN = "(hidden)";

/**
 * Shows a configuration as the YAML file that would give it, each option with where it was set. Secrets, and what
 * stands before the `@` of a URL, are hidden: the text may go into a ticket. Never throws.
 */
export function printConfig(config: SidecarConfig): string {
  const lines = (Object.keys(SIDECAR_OPTIONS) as OptionName[]).map((name) => {
    const value = config[name];
    if (value === undefined) return `# ${name}: not set\n`;
    const text = yaml().stringify({ [name]: shown(name, value) }, { lineWidth: 0 });
    return text.replace("\n", ` # ${config.origins.get(name) ?? "default"}\n`);
  });
  return lines.join("");
}

function shown(name: OptionName, value: NonNullable<SidecarConfig[OptionName]>): unknown {
  if (SIDECAR_OPTIONS[name].isSecret) return HIDDEN;
  return name === "feed" && Array.isArray(value) ? value.map(hideUserinfo) : value;
}
