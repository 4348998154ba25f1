import { ProviderEvents } from "@openfeature/web-sdk";
import { openFlags, readState } from "./flags.ts";

const tenant = document.documentElement.dataset["tenant"] ?? "";
const client = await openFlags({ baseUrl: location.origin, tenant });

function draw(): void {
  const { canCreate, notice, seats } = readState(client);
  (document.querySelector("#create") as HTMLButtonElement).disabled = !canCreate;
  (document.querySelector("#banner") as HTMLElement).textContent = notice;
  (document.querySelector("#seats") as HTMLElement).textContent = seats;
}

client.addHandler(ProviderEvents.ConfigurationChanged, draw);
draw();
