// Somebody at our client who copies, pastes and sends files: answers what the guest asks for, and
// waits for what the guest has.

import type { ClipboardFormat, ClipboardSelectionName } from "@caraway/agent";
import type { SessionEvent } from "@caraway/client";
import { openFile } from "@caraway/node";
import type { CarawayClient } from "./caraway-client.ts";

type EventOf<N extends SessionEvent["name"]> = Extract<SessionEvent, { name: N }>;

export class ClipboardUser {
  readonly #client: CarawayClient;
  #nextTransfer = 1;
  #content = new Map<string, Uint8Array>();
  #seen = 0;

  constructor(client: CarawayClient) {
    this.#client = client;
  }

  /** Waits until the guest's agent has said what it can. */
  async agentIsThere(since = 0, timeoutMs = 20_000): Promise<EventOf<"agent">> {
    return await this.#client.waitFor(
      (event): event is EventOf<"agent"> => event.name === "agent" && event.connected,
      { since, timeoutMs },
    );
  }

  /** Offers content; requests for it are answered as long as `answer` is called. */
  copy(
    content: ReadonlyMap<ClipboardFormat, Uint8Array>,
    selection: ClipboardSelectionName = "CLIPBOARD",
  ): void {
    this.#content = new Map(content);
    const formats = [...content.keys()];
    this.#client.client.command({ name: "clipboard-offer", selection, formats });
  }

  /** Called with each event of the client. */
  answer(event: SessionEvent): void {
    if (event.name !== "clipboard-request") return;
    const { selection, format } = event;
    const data = this.#content.get(format) ?? null;
    this.#client.client.command({ name: "clipboard-data", selection, format, data });
  }

  /** What was copied in the guest, once it is offered in that format. */
  async paste(
    format: ClipboardFormat,
    selection: ClipboardSelectionName = "CLIPBOARD",
  ): Promise<Uint8Array | null> {
    const since = this.#seen;
    await this.#client.waitFor(
      (event): event is EventOf<"clipboard-offer"> => {
        if (event.name !== "clipboard-offer" || event.selection !== selection) return false;
        return event.formats.includes(format);
      },
      { since },
    );
    const asked = this.#client.events.length;
    this.#client.client.command({ name: "clipboard-request", selection, format });
    const { data } = await this.#client.waitFor(
      (event): event is EventOf<"clipboard-data"> => {
        return event.name === "clipboard-data" && event.format === format;
      },
      { since: asked, timeoutMs: 60_000 },
    );
    this.#seen = this.#client.events.length;
    return data;
  }

  /** Begins to send a file of this machine; its key. */
  async send(path: string): Promise<number> {
    const transfer = this.#nextTransfer++;
    this.#client.client.sendFile(transfer, await openFile(path));
    return transfer;
  }

  /** Waits for the end of a transfer. */
  async sent(transfer: number, timeoutMs = 120_000): Promise<EventOf<"file">> {
    return await this.#client.waitFor(
      (event): event is EventOf<"file"> => {
        if (event.name !== "file" || event.transfer !== transfer) return false;
        return event.phase === "done" || event.phase === "failed";
      },
      { timeoutMs },
    );
  }
}
