// Which pages may use the gateway. A browser tells with each request from which page it comes; what
// is no browser tells nothing, and has no user whom another page could misuse.

export class OriginRule {
  readonly #allowed: ReadonlySet<string>;
  readonly #any: boolean;

  /** `allowed`: origins such as `https://panel.example`, beside the gateway's own; `*` for all. */
  constructor(allowed: readonly string[]) {
    this.#any = allowed.includes("*");
    this.#allowed = new Set(allowed.filter((each) => each !== "*").map(normalize));
  }

  /** `origin` and `host` as in the headers of a request. */
  allows(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.#any) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    if (url.protocol !== "http:" && url.protocol !== "https:") return false;
    return (host !== undefined && isSameHost(url, host)) || this.#allowed.has(url.origin);
  }
}

/** The scheme may be changed on the way by whoever ends TLS in front of the gateway. */
function isSameHost(origin: URL, host: string): boolean {
  const written = `${origin.protocol}//${host}`;
  return URL.canParse(written) && new URL(written).host === origin.host;
}

function normalize(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.origin === "null") {
    throw new RangeError(`${text} is not an origin such as https://panel.example`);
  }
  return url.origin;
}
