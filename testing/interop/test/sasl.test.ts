// SASL against the real spice-server in QEMU with Cyrus SASL, over TLS: it wants a mechanism that
// encrypts on any other transport.

import { readFileSync } from "node:fs";
import type { SessionEvent } from "@caraway/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CarawayClient,
  CertificateAuthority,
  endpointOf,
  makeSaslDirectory,
  startSavedVm,
  type Vm,
} from "../src/index.ts";

const user = "caraway";
const password = "correct horse, battery=staple";

let authority: CertificateAuthority;
let x509Directory: string;
beforeAll(async () => {
  authority = await CertificateAuthority.create();
  ({ x509Directory } = await authority.makeServer());
});
afterAll(() => authority?.close());

async function startServer(mechanisms: readonly string[]): Promise<Vm> {
  const saslDirectory = await makeSaslDirectory(mechanisms, { [user]: password });
  const spice = { listen: "tls", x509Directory, saslDirectory } as const;
  return await startSavedVm("qxl-vga", { spice, paused: true });
}

type Ended = Extract<SessionEvent, { name: "ended" }>;

function ended(client: CarawayClient): Promise<Ended> {
  return client.waitFor((event): event is Ended => event.name === "ended");
}

function connect(vm: Vm, credentials: { username: string; password: string }): CarawayClient {
  return new CarawayClient(endpointOf(vm.spice), {
    credentials,
    transport: { tls: { ca: readFileSync(authority.caFile, "utf8") } },
  });
}

describe.each([["scram-sha-512"], ["scram-sha-256"], ["scram-sha-1"], ["plain"]])(
  "a server with %s alone",
  (mechanism) => {
    let vm: Vm;
    beforeAll(async () => {
      vm = await startServer([mechanism]);
    });
    afterAll(() => vm?.close());

    test("lets a user in, on every channel", async () => {
      await using client = connect(vm, { username: user, password });
      const linked = (channel: string) =>
        client.waitFor(
          (event): event is SessionEvent =>
            event.name === "channel-linked" && event.channel === channel,
        );
      for (const channel of ["main", "display", "inputs", "cursor"]) await linked(channel);
      // The server must not lose a client while it still connects its display.
      await client.waitFor((event): event is SessionEvent => event.name === "cursor");
      await client.settle(50);
    });

    test.each([
      ["a wrong password", { username: user, password: "swordfish" }],
      ["an unknown user", { username: "nobody", password }],
    ])("turns away %s", async (_what, credentials) => {
      await using client = connect(vm, credentials);
      const end = await ended(client);
      expect(end.error).toMatchObject({ code: "LINK_PERMISSION_DENIED" });
      expect(end.error?.message).not.toContain(credentials.password);
    });
  },
);

describe("a server with mechanisms that we lack", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await startServer(["digest-md5"]);
  });
  afterAll(() => vm?.close());

  test("is named with what it offers", async () => {
    await using client = connect(vm, { username: user, password });
    const end = await ended(client);
    expect(end.error).toMatchObject({
      code: "LINK_NO_MECHANISM",
      message: expect.stringContaining("DIGEST-MD5"),
    });
  });

  test("asks for a user name where none was given", async () => {
    await using client = connect(vm, { username: "", password });
    const end = await ended(client);
    expect(end.error).toMatchObject({ code: "LINK_NO_CREDENTIALS" });
  });
});
