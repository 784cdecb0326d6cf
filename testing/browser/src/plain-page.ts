// A page as users have it: Playwright makes its pages believe that they are seen and in front,
// whatever becomes of their windows. This one can be hidden.

import type { RgbImage } from "@caraway/interop";
import type { Browser, CDPSession } from "playwright-core";
import { decodePng } from "./seen-picture.ts";

export interface Clip {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class PlainPage implements AsyncDisposable {
  readonly #session: CDPSession;
  readonly #targetId: string;
  readonly #sessionId: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 0;

  private constructor(session: CDPSession, targetId: string, sessionId: string) {
    this.#session = session;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
    session.on("Target.receivedMessageFromTarget", (event) => {
      const answer = JSON.parse(event.message) as Answer;
      if (answer.id === undefined) return;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** In a window of its own. */
  static async open(browser: Browser, url: string): Promise<PlainPage> {
    const session = await browser.newBrowserCDPSession();
    const window = { newWindow: true, width: 1024, height: 800 };
    const { targetId } = await session.send("Target.createTarget", { url, ...window });
    const how = { targetId, flatten: false };
    const { sessionId } = await session.send("Target.attachToTarget", how);
    return new PlainPage(session, targetId, sessionId);
  }

  /** The value of an expression, as JSON has it. */
  async run(expression: string): Promise<unknown> {
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result } = await this.#send("Runtime.evaluate", how);
    return (result as { value?: unknown }).value;
  }

  async show(shown: boolean): Promise<void> {
    const targetId = this.#targetId;
    const { windowId } = await this.#session.send("Browser.getWindowForTarget", { targetId });
    const bounds = { windowState: shown ? ("normal" as const) : ("minimized" as const) };
    await this.#session.send("Browser.setWindowBounds", { windowId, bounds });
  }

  /** A part of what is seen. */
  async picture(clip: Clip): Promise<RgbImage> {
    const how = { format: "png", clip: { ...clip, scale: 1 } };
    const { data } = await this.#send("Page.captureScreenshot", how);
    return decodePng(Buffer.from(String(data), "base64"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.send("Target.closeTarget", { targetId: this.#targetId });
    await this.#session.detach();
  }

  #send(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.#next++;
    const message = JSON.stringify({ id, method, params });
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
    const sessionId = this.#sessionId;
    return this.#session
      .send("Target.sendMessageToTarget", { sessionId, message })
      .then(() => answered);
  }
}
