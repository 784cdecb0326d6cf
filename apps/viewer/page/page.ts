// The viewer's page: a form for the server's address, and then nothing but the desktop.

import type { SpiceViewer } from "../src/index.ts";
import "../src/index.ts";
import { readPageOptions } from "./page-options.ts";
import { type PageWords, pageWords } from "./page-words.ts";

const options = readPageOptions(new URL(location.href));
const viewer = document.querySelector("spice-viewer") as SpiceViewer;
const form = document.querySelector("form") as HTMLFormElement;
const language = options.language ?? navigator.language;
const words = pageWords(language);

/** What is remembered in this browser; never a password. */
const memory = "caraway-viewer";

interface Remembered {
  readonly url?: string;
  readonly scaling?: string;
}

function remembered(): Remembered {
  try {
    return JSON.parse(localStorage.getItem(memory) ?? "{}") as Remembered;
  } catch {
    return {};
  }
}

function remember(news: Remembered): void {
  try {
    localStorage.setItem(memory, JSON.stringify({ ...remembered(), ...news }));
  } catch {
    // Storage may be forbidden; the page works without.
  }
}

function showForm(shown: boolean): void {
  form.hidden = !shown;
  document.body.dataset["connected"] = String(!shown);
  if (shown) (form.elements.namedItem("url") as HTMLInputElement).focus();
}

function connect(url: string, username: string, password: string): void {
  showForm(false);
  viewer.connect(url, {
    ...((username !== "" || password !== "") && {
      credentials: { password, ...(username !== "" && { username }) },
    }),
  });
  viewer.focus();
}

/** Seldom needed, and so loaded only then. */
async function sayWhatIsMissing(): Promise<void> {
  const { missingList, wordsFor } = await import("../src/missing.ts");
  const place = document.querySelector("#missing") as HTMLElement;
  place.append(...missingList(await wordsFor(language), null));
  place.hidden = false;
}

document.documentElement.lang = language;
viewer.lang = language;
for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
  element.textContent = words[element.dataset["text"] as keyof PageWords];
}
if (!globalThis.isSecureContext) void sayWhatIsMissing();

viewer.viewOnly = options.viewOnly;
viewer.reconnect = options.reconnect;
viewer.qualityLevel = options.qualityLevel;
const scaling = options.scaling ?? remembered().scaling;
if (scaling !== undefined) viewer.setAttribute("scaling", scaling);
new MutationObserver(() => remember({ scaling: viewer.scaling })).observe(viewer, {
  attributeFilter: ["scaling"],
});
viewer.addEventListener("desktopname", ({ detail }) => {
  document.title = detail.name === "" ? "Caraway" : detail.name;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  const url = /^wss?:\/\//i.test(text("url")) ? text("url") : `ws://${text("url")}`;
  viewer.viewOnly = fields.get("viewOnly") !== null;
  remember({ url });
  connect(url, text("username"), text("password"));
});

/** In this tab alone: a token may be good only once, and a page may be loaded again. */
const sessionMemory = `caraway-session ${options.token ?? ""}`;

function rememberedSession(): string | null {
  try {
    return sessionStorage.getItem(sessionMemory);
  } catch {
    return null;
  }
}

viewer.addEventListener("gatewaysession", ({ detail }) => {
  try {
    sessionStorage.setItem(sessionMemory, detail.session);
  } catch {
    // Then a token that is good once is good until the page is left.
  }
});

const { url, token } = options;
if (token !== null && options.autoconnect) {
  showForm(false);
  const gatewaySession = rememberedSession();
  viewer.connect("", { token, ...(gatewaySession !== null && { gatewaySession }) });
  viewer.focus();
} else if (url !== null && options.autoconnect) {
  connect(url, options.username ?? "", options.password ?? "");
} else {
  const input = form.elements.namedItem("url") as HTMLInputElement;
  input.value = url ?? remembered().url ?? "";
  showForm(true);
}
