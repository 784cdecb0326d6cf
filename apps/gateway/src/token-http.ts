// Tokens that somebody else knows: a web service is asked for each. `%s` in its URL stands for the
// token, as in websockify's JSONTokenApi, and the answer is JSON with at least `host` and `port`.

import { endpointOf } from "@caraway/node";
import { answerFromFields } from "./token-fields.ts";
import { type TokenAnswer, type TokenSource, TokenSourceError } from "./token-source.ts";

const timeoutMs = 5000;
const answerSizeMax = 64 << 10;

export class TokenService implements TokenSource {
  readonly #url: string;

  /** Throws TokenSourceError when the URL cannot be one. */
  constructor(url: string) {
    const hasPlace = url.includes("%s");
    if (!hasPlace || !/^https?:/.test(url) || !URL.canParse(url.replaceAll("%s", "token"))) {
      throw new TokenSourceError("the token service is a URL such as https://host/path?token=%s");
    }
    this.#url = url;
  }

  async find(token: string): Promise<TokenAnswer | null> {
    const url = this.#url.replaceAll("%s", encodeURIComponent(token));
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = { accept: "application/json" };
      const response = await fetch(url, { signal, headers, redirect: "error" });
      status = response.status;
      text = await readText(response);
    } catch (error) {
      if (error instanceof TokenSourceError) throw error;
      // The URL, which holds the token, is in the reasons of some errors.
      const { name } = error as Error;
      throw new TokenSourceError(`the token service cannot be asked: ${name}`);
    }
    // Whoever serves tokens says by these that there is no such one, or that it is not good any more.
    if ([401, 403, 404, 410].includes(status)) return null;
    if (status !== 200) throw new TokenSourceError(`the token service answered ${status}`);
    return answerFromFields(parse(text), { server: endpointOf({}), vm: "" });
  }
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    const bytes = part as Uint8Array;
    size += bytes.length;
    if (size > answerSizeMax) throw new TokenSourceError("the token service's answer is too long");
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TokenSourceError("the token service's answer is not JSON");
  }
}
