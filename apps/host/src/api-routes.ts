// What the HTTP API answers: requests checked against the schema, made into calls of the host.

import type { MoveOwner } from "@caraway/migration";
import type {
  ApiDeparture,
  ApiHost,
  ApiNewGuest,
  ApiNewMigration,
  ApiTicket,
} from "./api-types.ts";
import { faultIn, validated } from "./api-validate.ts";
import { guestOptions, makeTestcard } from "./guest-flags.ts";
import type { Host } from "./host.ts";
import type { HostedGuest } from "./hosted-guest.ts";
import { openApi } from "./openapi.ts";
import { checkTicket } from "./server-settings.ts";
import { HostUsageError, NotHere } from "./usage-error.ts";

export interface ApiRequest {
  readonly method: string;
  /** Parts of the path, decoded. */
  readonly path: readonly string[];
  /** Null where there is none. */
  readonly body: unknown;
}

export interface ApiAnswer {
  readonly status: number;
  /** Null for none. */
  readonly body: object | null;
}

/** Most tickets of a guest: they have to fit into the papers of a move. */
const ticketsMax = 100;
export const version = "0.1.0";

/** Null: nothing is there. @throws HostUsageError, HostConflict, NotHere */
export async function apiAnswer(host: Host, request: ApiRequest): Promise<ApiAnswer | null> {
  const [root, ...rest] = request.path;
  if (root === "openapi.json" && rest.length === 0) return found(openApi);
  if (root !== "v1") return null;
  const [kind, name, ...more] = rest;
  switch (kind) {
    case "host":
      return name === undefined && request.method === "GET" ? found(describeHost(host)) : null;
    case "guests":
      return name === undefined
        ? await allGuests(host, request)
        : await oneGuest(host, request, name, more);
    case "hand-over":
      if (name !== undefined || request.method !== "POST") return null;
      await host.handOver(field<{ to: string }>("to", { type: "string" }, request.body).to);
      return done;
    case "migrations":
      return name === undefined
        ? found({ migrations: host.moves.map(({ record }) => record) })
        : await oneMigration(host, request, name, more);
    default:
      return null;
  }
}

function found(body: object): ApiAnswer {
  return { status: 200, body };
}

const done: ApiAnswer = { status: 204, body: null };

function describeHost(host: Host): ApiHost {
  const { name, peerAddress, startedAt } = host;
  return { name, version, peerAddress, guests: host.guests.length, startedAt };
}

async function allGuests(host: Host, { method, body }: ApiRequest): Promise<ApiAnswer | null> {
  if (method === "GET") return found({ guests: host.guests.map((guest) => host.describe(guest)) });
  if (method !== "POST") return null;
  const asked = validated<ApiNewGuest>("NewGuest", body);
  const added = asked.kind === "qemu" ? await addVm(host, asked) : await addTestcard(host, asked);
  return { status: 201, body: host.describe(added) };
}

async function addTestcard(host: Host, asked: ApiNewGuest): Promise<HostedGuest> {
  return await host.addGuest(asked.name, "testcard", makeTestcard(guestOptions(asked)));
}

async function addVm(host: Host, asked: ApiNewGuest): Promise<HostedGuest> {
  const { name, vm, adopt, expect } = asked;
  if (vm === undefined) throw new HostUsageError("vm: missing");
  if (expect !== undefined) return await host.expectVm(name, vm, expect.incoming);
  return await host.addVm(name, vm, adopt ?? null);
}

async function oneGuest(
  host: Host,
  { method, body }: ApiRequest,
  name: string,
  [part, client]: readonly string[],
): Promise<ApiAnswer | null> {
  const guest = host.guest(name);
  switch (`${method} ${part ?? ""}`) {
    case "GET ":
      return found(host.describe(guest));
    case "DELETE ":
      await host.removeGuest(name);
      return done;
    case "PUT running": {
      const { running } = field<{ running: boolean }>("running", { type: "boolean" }, body);
      return found(host.describe(host.setRunning(name, running)));
    }
    case "PUT tickets":
      guest.setTickets(ticketsFrom(body));
      return done;
    case "GET sessions":
      return found({ sessions: guest.sessions });
    case "DELETE sessions": {
      const key = Number(client);
      if (!guest.sessions.some((session) => session.client === key)) {
        throw new NotHere(`guest ${name} has no client ${client}`);
      }
      guest.command({ name: "disconnect", client: key });
      return done;
    }
    case "POST departures": {
      const asked = validated<ApiDeparture>("Departure", body);
      const { host: where, port = null, tlsPort = null, certSubject = null, uri } = asked;
      const target = { host: where, port, tlsPort, certSubject };
      return found({ clients: await host.sendAway(name, { target, uri }) });
    }
    case "POST migrations": {
      const asked = validated<ApiNewMigration>("NewMigration", body);
      return { status: 202, body: host.migrate(name, asked).record };
    }
    default:
      return null;
  }
}

async function oneMigration(
  host: Host,
  { method, body }: ApiRequest,
  id: string,
  [part]: readonly string[],
): Promise<ApiAnswer | null> {
  const { record } = host.move(id);
  switch (`${method} ${part ?? ""}`) {
    case "GET ":
      return found(record);
    case "POST cancel":
      return found(host.cancel(id).record);
    case "POST recover":
      return found((await host.recover(id)).record);
    case "POST resolve": {
      const owners = { type: "string", enum: ["source", "target"] };
      const { owner } = field<{ owner: MoveOwner }>("owner", owners, body);
      return found(host.resolve(id, owner).record);
    }
    default:
      return null;
  }
}

function ticketsFrom(body: unknown) {
  const list = { type: "array", items: { $ref: "#/components/schemas/Ticket" } };
  const { tickets } = field<{ tickets: readonly ApiTicket[] }>("tickets", list, body);
  if (tickets.length > ticketsMax) throw new HostUsageError(`at most ${ticketsMax} tickets`);
  const now = performance.now();
  return tickets.map(({ password, expiresInS, viewOnly = false }) => {
    checkTicket(password);
    const expiresAt = expiresInS === undefined ? null : now + expiresInS * 1000;
    return { password, viewOnly, expiresAt };
  });
}

/** A body with one field. @throws HostUsageError */
function field<T>(name: string, schema: object, body: unknown): T {
  const whole = { type: "object", properties: { [name]: schema }, required: [name] };
  const fault = faultIn(whole, body, "");
  if (fault !== null) throw new HostUsageError(fault);
  return body as T;
}
