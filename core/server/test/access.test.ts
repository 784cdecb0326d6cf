// Who may come in, and who may come over: tickets with their time, users, and clients that another
// server announced.

import { encodeUtf8 } from "@caraway/wire";
import { describe, expect, it } from "vitest";
import { Access, knownBy } from "../src/access.ts";
import { defaultServerOptions } from "../src/options.ts";

const ticket = { password: "open sesame", expiresAt: 100, viewOnly: false };

function accessWith(options: Partial<typeof defaultServerOptions> = {}): Access {
  return new Access({ ...defaultServerOptions, tickets: [ticket], ...options });
}

const password = (text: string) => ({ kind: "password", password: encodeUtf8(text) }) as const;
const user = (name: string) => ({ kind: "user", user: name }) as const;

describe("a ticket", () => {
  it("lets in until its time is over", () => {
    expect(accessWith().check(password("open sesame"), 100).kind).toBe("in");
    expect(accessWith().check(password("open sesame"), 101).kind).toBe("out");
    expect(accessWith().check(password("open sesam"), 0).kind).toBe("out");
    expect(accessWith().check(password(""), 0).kind).toBe("out");
  });
});

describe("a client that another server announced", () => {
  it("comes in with what it showed there, whatever the time", () => {
    const known = { knownBy: password("open sesame"), viewOnly: true, miniHeader: true };
    const access = accessWith();
    expect(access.checkKnown(known, password("open sesame"), 5000)).toEqual({
      kind: "in",
      user: null,
      viewOnly: true,
    });
    expect(access.checkKnown(known, password("open"), 5000).kind).toBe("out");
    expect(access.checkKnown(known, user("ann"), 5000).kind).toBe("in");
  });

  it("comes in as the user that it was, and as nobody else", () => {
    const known = { knownBy: user("ann"), viewOnly: false, miniHeader: true };
    const access = accessWith({ viewOnlyUsers: ["bob"] });
    expect(access.checkKnown(known, user("ann"), 0)).toMatchObject({ user: "ann" });
    expect(access.checkKnown(known, password("ann"), 0).kind).toBe("out");
    expect(access.checkKnown(known, user("bob"), 0)).toMatchObject({ viewOnly: true });
  });

  it("never gains by another ticket what it was not allowed before", () => {
    const known = { knownBy: password("look"), viewOnly: true, miniHeader: true };
    expect(accessWith().checkKnown(known, password("open sesame"), 0)).toMatchObject({
      kind: "in",
      viewOnly: true,
    });
  });

  it("that was known by nothing has to show what this server asks for", () => {
    const known = { knownBy: knownBy(password("")), viewOnly: false, miniHeader: true };
    expect(known.knownBy).toEqual({ kind: "nothing" });
    expect(accessWith().checkKnown(known, password(""), 0).kind).toBe("out");
    expect(accessWith({ tickets: null }).checkKnown(known, password(""), 0).kind).toBe("in");
  });
});
