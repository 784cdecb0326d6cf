// The schema of the HTTP API, as it is served at /openapi.json.

const text = { type: "string" } as const;
const whole = { type: "integer", minimum: 0 } as const;
const flag = { type: "boolean" } as const;
const time = { type: "string", format: "date-time" } as const;
const modes = { type: "string", enum: ["seamless", "semi-seamless", "switch-host"] } as const;
const owner = { type: "string", enum: ["source", "target"] } as const;
const guestName = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" } as const;

type Schema = Readonly<Record<string, unknown>>;

const listOf = (items: Schema): Schema => ({ type: "array", items });
const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: "null" }] });
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object whose fields must be there, but for those in `optional`. */
function object(
  fields: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(fields).filter((name) => !optional.includes(name));
  return { type: "object", properties: fields, required };
}

const channelTypes = [
  ...["main", "display", "inputs", "cursor", "playback"],
  ...["record", "smartcard", "usbredir", "port", "webdav"],
] as const;
const policy = { type: "string", enum: ["keep", "rebuild", "drop"] } as const;

const incoming = { type: "string", pattern: "^(unix:/.|tcp:)[^ ]+$" } as const;
const portNumber = { type: "integer", minimum: 1, maximum: 65_535 } as const;
const streamUses = ["agent", "usbredir", "smartcard", "port", "webdav"] as const;

export const guestFields = {
  name: guestName,
  kind: { type: "string", enum: ["testcard", "qemu"] },
  width: whole,
  height: whole,
  monitors: whole,
  framebuffer: flag,
  sound: flag,
  video: flag,
  usb: whole,
  seed: whole,
  freezeAtMs: whole,
  vm: {
    ...object(
      {
        arguments: listOf(text),
        program: text,
        startArguments: listOf(text),
        streams: listOf({
          ...object(
            {
              use: { type: "string", enum: streamUses },
              chardev: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9._-]{0,40}$" },
              name: text,
              path: text,
            },
            ["name", "path"],
          ),
          additionalProperties: false,
        }),
        display: { type: "string", enum: ["dbus", "vnc"] },
        sound: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9._-]{0,40}$" },
      },
      ["program", "startArguments", "streams", "display", "sound"],
    ),
    additionalProperties: false,
  },
  adopt: {
    ...object({ qmp: text, inputs: text, vnc: text }, ["inputs", "vnc"]),
    additionalProperties: false,
  },
  expect: {
    ...object({ incoming }),
    additionalProperties: false,
  },
} as const;

export const migrationFields = {
  to: text,
  mode: modes,
  policies: {
    type: "object",
    properties: Object.fromEntries(channelTypes.map((name) => [name, policy])),
    additionalProperties: false,
  },
  waitClientsMs: { ...whole, maximum: 600_000 },
  deadlineMs: { ...whole, maximum: 600_000 },
  holdMaxMs: { ...whole, maximum: 600_000 },
  lateMaxMs: { ...whole, maximum: 3_600_000 },
  measureMs: { ...whole, maximum: 60_000 },
  bandwidth: { type: "integer", minimum: 1024 },
  downtimeLimitMs: { ...whole, minimum: 1, maximum: 2_000_000 },
  autoConverge: flag,
  postcopy: flag,
  postcopyBandwidth: { type: "integer", minimum: 1024 },
  handOver: flag,
} as const;

export const apiSchemas = {
  Host: object({
    name: text,
    version: text,
    peerAddress: orNull(text),
    guests: whole,
    startedAt: time,
  }),
  Guest: object({
    name: guestName,
    kind: guestFields.kind,
    state: {
      type: "string",
      enum: ["running", "stopped", "arriving", "leaving", "in-doubt"],
    },
    addresses: listOf(text),
    sessions: listOf(ref("Session")),
    migration: orNull(text),
    sentBytes: whole,
    receivedBytes: whole,
    facts: { type: "object", additionalProperties: { type: "number" } },
  }),
  Session: object({
    client: whole,
    peer: text,
    user: orNull(text),
    viewOnly: flag,
    channels: listOf(text),
    since: time,
  }),
  NewGuest: {
    ...object(guestFields, Object.keys(guestFields).slice(1)),
    additionalProperties: false,
  },
  Ticket: {
    ...object({ password: text, expiresInS: whole, viewOnly: flag }, ["expiresInS", "viewOnly"]),
    additionalProperties: false,
  },
  NewMigration: {
    ...object(migrationFields, Object.keys(migrationFields).slice(1)),
    additionalProperties: false,
  },
  Departure: {
    ...object(
      { host: text, uri: incoming, port: portNumber, tlsPort: portNumber, certSubject: text },
      ["port", "tlsPort", "certSubject"],
    ),
    additionalProperties: false,
  },
  MovingClient: object({
    client: whole,
    peer: text,
    state: { type: "string", enum: ["announced", "linking", "ready", "failed", "left"] },
    mode: modes,
    detail: text,
  }),
  MovedChannel: object({
    channel: text,
    outcome: { type: "string", enum: ["kept", "rebuilt", "lost"] },
    reason: text,
    gapMs: { type: "number" },
    sentBytes: whole,
  }),
  MovedClient: object({
    client: whole,
    peer: text,
    mode: modes,
    channels: listOf(ref("MovedChannel")),
  }),
  MoveOutcome: object({
    holdMs: { type: "number" },
    holdReason: text,
    sentBytes: whole,
    clients: listOf(ref("MovedClient")),
  }),
  Migration: object({
    id: text,
    guest: guestName,
    direction: { type: "string", enum: ["out", "in"] },
    peer: text,
    phase: text,
    mode: modes,
    startedAt: time,
    endedAt: orNull(time),
    progress: orNull(object({ sent: whole, total: whole })),
    memory: orNull(
      object({
        remaining: whole,
        iteration: whole,
        bytesPerS: whole,
        dirtyBytesPerS: whole,
        expectedDowntimeMs: orNull(whole),
        requests: whole,
      }),
    ),
    postcopy: orNull({
      type: "string",
      enum: ["active", "paused", "recovering", "completed", "failed"],
    }),
    clients: listOf(ref("MovingClient")),
    stoppedMs: orNull({ type: "number" }),
    downtimeMs: orNull({ type: "number" }),
    sentBeforeBytes: orNull(whole),
    outcome: orNull(ref("MoveOutcome")),
    owner: orNull(owner),
    error: orNull(object({ code: text, message: text })),
    detail: orNull(text),
  }),
  Event: {
    ...object({ seq: whole, at: time, event: text, guest: orNull(text), migration: orNull(text) }),
    additionalProperties: true,
  },
  Error: object({ error: object({ code: text, message: text }) }),
} as const satisfies Readonly<Record<string, Schema>>;

const json = (schema: Schema): Schema => ({ content: { "application/json": { schema } } });
const answer = (description: string, schema?: Schema): Schema => ({
  description,
  ...(schema !== undefined && json(schema)),
});
const denials: Readonly<Record<string, Schema>> = {
  400: answer("the request was made wrongly", ref("Error")),
  401: answer("no token, or a wrong one", ref("Error")),
  404: answer("there is no such thing here", ref("Error")),
  409: answer("not in this state", ref("Error")),
};
const body = (schema: Schema): Schema => ({ required: true, ...json(schema) });
const inPath = (name: string): Schema => ({ name, in: "path", required: true, schema: text });

function operation(
  summary: string,
  status: string,
  result: Schema,
  more: Readonly<Record<string, unknown>> = {},
): Schema {
  return { summary, ...more, responses: { [status]: result, ...denials } };
}

const guest = { parameters: [inPath("guest")] };
const migration = { parameters: [inPath("migration")] };
const oneGuest = answer("the guest", ref("Guest"));
const oneMigration = answer("the migration", ref("Migration"));

export const openApi = {
  openapi: "3.1.0",
  info: {
    title: "Caraway host",
    version: "1",
    description: "Guests, their SPICE servers, and their moves to other hosts.",
  },
  components: {
    schemas: apiSchemas,
    securitySchemes: { token: { type: "http", scheme: "bearer" } },
  },
  security: [{ token: [] }],
  paths: {
    "/healthz": {
      get: { summary: "Whether the host serves", security: [], responses: { 200: answer("yes") } },
    },
    "/openapi.json": {
      get: { summary: "This", security: [], responses: { 200: answer("this") } },
    },
    "/metrics": { get: operation("Figures for Prometheus", "200", answer("text")) },
    "/v1/host": { get: operation("The host", "200", answer("the host", ref("Host"))) },
    "/v1/guests": {
      get: operation(
        "All guests",
        "200",
        answer("guests", object({ guests: listOf(ref("Guest")) })),
      ),
      post: operation("Make and run a guest", "201", oneGuest, {
        requestBody: body(ref("NewGuest")),
      }),
    },
    "/v1/guests/{guest}": {
      ...guest,
      get: operation("One guest", "200", oneGuest),
      delete: operation("End a guest and its sessions", "204", answer("it is gone")),
    },
    "/v1/guests/{guest}/running": {
      ...guest,
      put: operation("Run it, or stop it", "200", oneGuest, {
        requestBody: body(object({ running: flag })),
      }),
    },
    "/v1/guests/{guest}/tickets": {
      ...guest,
      put: operation("Replace all tickets", "204", answer("done"), {
        requestBody: body(object({ tickets: listOf(ref("Ticket")) })),
      }),
    },
    "/v1/guests/{guest}/sessions": {
      ...guest,
      get: operation(
        "Who is connected",
        "200",
        answer("sessions", object({ sessions: listOf(ref("Session")) })),
      ),
    },
    "/v1/guests/{guest}/sessions/{client}": {
      parameters: [inPath("guest"), inPath("client")],
      delete: operation("End a session", "204", answer("done")),
    },
    "/v1/guests/{guest}/departures": {
      ...guest,
      post: operation(
        "Send a VM to a QEMU with SPICE of its own; answered when its clients have left",
        "200",
        answer("by which mode each client has left"),
        { requestBody: body(ref("Departure")) },
      ),
    },
    "/v1/guests/{guest}/migrations": {
      ...guest,
      post: operation("Move the guest to another host", "202", oneMigration, {
        requestBody: body(ref("NewMigration")),
      }),
    },
    "/v1/hand-over": {
      post: operation("Give all guests to a new process, and end", "200", answer("all are there"), {
        requestBody: body(object({ to: text })),
      }),
    },
    "/v1/migrations": {
      get: operation(
        "Moves from and to here, the newest last",
        "200",
        answer("migrations", object({ migrations: listOf(ref("Migration")) })),
      ),
    },
    "/v1/migrations/{migration}": {
      ...migration,
      get: operation("One move", "200", oneMigration),
    },
    "/v1/migrations/{migration}/cancel": {
      ...migration,
      post: operation("Call it off; 409 behind the commit", "200", oneMigration),
    },
    "/v1/migrations/{migration}/recover": {
      ...migration,
      post: operation(
        "Post-copy that has lost its way: send the rest of the memory on another one",
        "200",
        oneMigration,
      ),
    },
    "/v1/migrations/{migration}/resolve": {
      ...migration,
      post: operation("In doubt: say whose the guest is", "200", oneMigration, {
        requestBody: body(object({ owner })),
      }),
    },
    "/v1/events": {
      get: operation(
        "What happens, as it happens: a JSON object a line, or text/event-stream if that is accepted",
        "200",
        {
          description: "does not end",
          content: {
            "application/x-ndjson": { schema: ref("Event") },
            "text/event-stream": { schema: ref("Event") },
          },
        },
        {
          parameters: [
            { name: "since", in: "query", schema: whole, description: "only behind this `seq`" },
            { name: "guest", in: "query", schema: text },
            { name: "migration", in: "query", schema: text },
          ],
        },
      ),
    },
  },
} as const;
