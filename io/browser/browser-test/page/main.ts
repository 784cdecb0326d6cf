// The least page around the browser's driver: a test tells it where to connect, and it shows every
// screen on a canvas of its own.

import {
  BrowserClient,
  type BrowserClientOptions,
  type ClientEvent,
  type Statistics,
} from "@caraway/browser";

export interface TestPage {
  client: BrowserClient | null;
  readonly events: ClientEvent[];
  readonly faults: string[];
  statistics: Statistics | null;
  connect(options: BrowserClientOptions & { readonly bridge?: boolean }): void;
}

const page: TestPage = {
  client: null,
  events: [],
  faults: [],
  statistics: null,
  connect({ bridge = false, ...options }) {
    const { url = null } = options;
    // As an embedder with a channel of its own: the page holds the connection.
    const bridged = {
      url: null,
      connector: () => new WebSocket(url ?? "", ["binary"]),
    };
    page.client = new BrowserClient({
      ...options,
      ...(bridge && bridged),
      onEvent: (event) => page.events.push(event),
      onStatistics: (statistics) => {
        page.statistics = statistics;
      },
      onFault: (detail) => page.faults.push(detail),
      onScreens: (screens) => {
        for (const { key, width, height } of screens) {
          const known = document.getElementById(`screen-${key}`);
          const canvas = known ?? document.createElement("canvas");
          canvas.style.width = `${width}px`;
          canvas.style.height = `${height}px`;
          if (known !== null) continue;
          canvas.id = `screen-${key}`;
          canvas.style.display = "block";
          document.body.append(canvas);
          page.client?.attach(key, canvas as HTMLCanvasElement);
        }
      },
    });
  },
};

Object.assign(globalThis, { page });
