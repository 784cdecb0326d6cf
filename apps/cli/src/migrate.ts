// `caraway migrate`: moves a guest from one host to another, and shows what becomes of its clients.

import type { ApiEvent, ApiMigration, ApiNewMigration } from "caraway-host";
import { type Command, Option } from "commander";
import { parseCount, parseSeconds } from "./argument-values.ts";
import { HostApi, type HostApiFlags, HostRefusal } from "./host-api.ts";
import { jsonLine } from "./json-lines.ts";
import {
  clientLine,
  endText,
  measureText,
  outcomeTable,
  postcopyText,
  progressText,
} from "./migration-text.ts";
import { UsageError } from "./usage-error.ts";

interface MigrateFlags extends HostApiFlags {
  readonly to?: string;
  readonly resolve?: "source" | "target";
  readonly cancel?: boolean;
  readonly mode?: NonNullable<ApiNewMigration["mode"]>;
  readonly deadline?: number;
  readonly holdMax?: number;
  readonly lateMax?: number;
  readonly waitClients?: number;
  readonly measure?: number;
  readonly bandwidth?: number;
  readonly downtime?: number;
  readonly autoConverge?: boolean;
  readonly postcopy?: boolean;
  readonly postcopyBandwidth?: number;
  readonly recover?: boolean;
  readonly policy?: NonNullable<ApiNewMigration["policies"]>;
  readonly json: boolean;
}

export function addMigrateCommand(program: Command): void {
  program
    .command("migrate")
    .description("move a guest to another host, with the sessions of its clients")
    .argument("<guest>", "its name")
    .option("--to <host[:port]>", "the other host, where it listens for hosts (port: 7701)")
    .addOption(
      new Option("--resolve <owner>", "when a move is in doubt: say whose the guest is")
        .choices(["source", "target"])
        .conflicts("to"),
    )
    .addOption(new Option("--cancel", "call off a move that is under way").conflicts("to"))
    .addOption(
      new Option("--recover", "when post-copy is paused: send the rest of the memory").conflicts([
        "to",
        "cancel",
        "resolve",
      ]),
    )
    .addOption(
      new Option("--host <url>", "API of the host that has the guest")
        .default("http://127.0.0.1:7700")
        .env("CARAWAY_HOST"),
    )
    .option("--token-file <file>", "the API's token (default: CARAWAY_HOST_TOKEN)")
    .addOption(
      new Option("--mode <mode>", "the best that clients are offered (default: seamless)").choices([
        "seamless",
        "semi-seamless",
        "switch-host",
      ]),
    )
    .option(
      "--wait-clients <s>",
      "wait so long for clients to be ready (default: 10)",
      parseSeconds,
    )
    .option("--deadline <ms>", "hold the guest so long for their state (default: 5000)", parseCount)
    .option("--hold-max <ms>", "never hold it longer (default: 15000)", parseCount)
    .option("--late-max <ms>", "take late state so long (default: 60000)", parseCount)
    .option(
      "--policy <channel=keep|rebuild|drop,…>",
      "what becomes of channels, such as display=rebuild (default: keep)",
      parsePolicies,
    )
    .option(
      "--measure <s>",
      "count what clients are sent, for so long before and behind (default: not)",
      parseSeconds,
    )
    .option("--bandwidth <MiB/s>", "of a VM's memory, at most (default: no limit)", parseCount)
    .option(
      "--downtime <ms>",
      "a VM may stand still so long for its last memory (default: 300)",
      parseCount,
    )
    .option("--auto-converge", "slow a VM down when its memory changes faster than it is sent")
    .option("--postcopy", "let a VM go behind the first pass over its memory, the rest follows")
    .option(
      "--postcopy-bandwidth <MiB/s>",
      "of memory that follows, at most (default: no limit)",
      parseCount,
    )
    .option("--json", "one JSON object a line on standard output", false)
    .addHelpText("after", notes)
    .action(migrate);
}

const notes = `
Ctrl-C calls the move off, as long as the guest has not been handed over; a second one stops watching.
Exit code 0: the guest has moved. 1: it has not, or nobody knows yet. 2: the command was wrong.
`;

type Policies = NonNullable<ApiNewMigration["policies"]>;

function parsePolicies(text: string): Policies {
  const pairs = text.split(",").map((pair) => {
    const [channel, policy, ...more] = pair.split("=");
    if (channel === undefined || policy === undefined || more.length > 0) {
      throw new UsageError(`--policy ${pair}: write channel=keep, =rebuild or =drop`);
    }
    return [channel, policy] as const;
  });
  // Which channels and policies there are, the host says.
  return Object.fromEntries(pairs) as Policies;
}

async function migrate(guest: string, flags: MigrateFlags): Promise<void> {
  const api = new HostApi(flags);
  const { resolve, cancel, recover } = flags;
  if (recover === true) await recoverMove(api, guest, flags);
  else if (resolve !== undefined) await order(api, guest, "resolve", { owner: resolve });
  else if (cancel === true) await order(api, guest, "cancel", {});
  else await begin(api, guest, flags);
}

/** Says something of a move that is under way, as this host knows it. */
async function order(api: HostApi, guest: string, what: string, body: object): Promise<void> {
  const { migrations } = await api.get<{ migrations: readonly ApiMigration[] }>("/v1/migrations");
  const move = migrations.findLast((one) => one.guest === guest && one.endedAt === null);
  if (move === undefined) throw new Error(`no move of guest ${guest} is under way here`);
  const { phase } = await api.post<ApiMigration>(`/v1/migrations/${move.id}/${what}`, body);
  process.stdout.write(`the move of guest ${guest} from ${move.startedAt} is now ${phase}\n`);
}

/** Post-copy that has lost its way goes on; follows it to its end. */
async function recoverMove(api: HostApi, guest: string, flags: MigrateFlags): Promise<void> {
  const { migrations } = await api.get<{ migrations: readonly ApiMigration[] }>("/v1/migrations");
  const move = migrations.findLast((one) => one.guest === guest && one.postcopy === "paused");
  if (move === undefined) throw new Error(`no post-copy of guest ${guest} is paused here`);
  await api.post(`/v1/migrations/${move.id}/recover`, {});
  const show = flags.json ? new JsonView() : new PersonView();
  show.ended(await follow(api, move, show));
}

async function begin(api: HostApi, guest: string, flags: MigrateFlags): Promise<void> {
  const { to, mode, policy, deadline, holdMax, lateMax, waitClients, measure } = flags;
  const { bandwidth, downtime, autoConverge, postcopy, postcopyBandwidth } = flags;
  if (to === undefined) throw new UsageError("say where it should go: --to HOST");
  const asked: ApiNewMigration = {
    to,
    ...(mode !== undefined && { mode }),
    ...(policy !== undefined && { policies: policy }),
    ...(waitClients !== undefined && { waitClientsMs: Math.round(waitClients * 1000) }),
    ...(measure !== undefined && { measureMs: Math.round(measure * 1000) }),
    ...(deadline !== undefined && { deadlineMs: deadline }),
    ...(holdMax !== undefined && { holdMaxMs: holdMax }),
    ...(lateMax !== undefined && { lateMaxMs: lateMax }),
    ...(bandwidth !== undefined && { bandwidth: bandwidth * 2 ** 20 }),
    ...(downtime !== undefined && { downtimeLimitMs: downtime }),
    ...(autoConverge === true && { autoConverge }),
    ...(postcopy === true && { postcopy }),
    ...(postcopyBandwidth !== undefined && { postcopyBandwidth: postcopyBandwidth * 2 ** 20 }),
  };
  const path = `/v1/guests/${encodeURIComponent(guest)}/migrations`;
  let begun: ApiMigration;
  try {
    begun = await api.post<ApiMigration>(path, asked);
  } catch (error) {
    const isWrong = error instanceof HostRefusal && [400, 404].includes(error.status);
    throw isWrong ? new UsageError(error.message) : error;
  }
  const show = flags.json ? new JsonView() : new PersonView();
  const ended = await follow(api, begun, show);
  show.ended(ended);
  if (ended.owner !== "target") throw new Error(endText(ended));
}

/** Follows a move until it is over or in doubt; Ctrl-C calls it off. */
async function follow(
  api: HostApi,
  { id, guest }: ApiMigration,
  show: View,
): Promise<ApiMigration> {
  const path = `/v1/migrations/${id}`;
  const watching = new AbortController();
  const interrupt = (): void => {
    process.once("SIGINT", () => watching.abort());
    api.post(`${path}/cancel`).then(
      () => show.note("called off: waiting for everybody to be told"),
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        show.note(`too late to call it off (${why}): it goes on`);
      },
    );
  };
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    for await (const event of api.events(`/v1/events?since=0&migration=${id}`, watching.signal)) {
      show.event(event);
      if (event.event === "migration-in-doubt") {
        const { detail } = await api.get<ApiMigration>(path);
        throw new Error(
          `in doubt: ${detail ?? "the other host does not answer"}; the guest stands still until ` +
            "that host is back, or until somebody who knows what became of it says: " +
            `caraway migrate ${guest} --resolve source, or target`,
        );
      }
      if (event.event !== "migration-ended" && event.event !== "migration-postcopy") continue;
      const now = await api.get<ApiMigration>(path);
      if (now.postcopy === "paused" || (now.postcopy === "failed" && now.owner === "target")) {
        throw new Error(postcopyText(now));
      }
      if (isWholly(now)) return now;
    }
  } catch (error) {
    if (!watching.signal.aborted) throw error;
    throw new Error(`no longer watched: ask GET ${path}`);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    watching.abort();
  }
  throw new Error("the host has ended before the move was over");
}

/** Over, and all of the guest is where it belongs. */
function isWholly({ endedAt, owner, postcopy }: ApiMigration): boolean {
  if (endedAt === null) return false;
  return owner === "source" || postcopy === null || postcopy === "completed";
}

interface View {
  event(event: ApiEvent): void;
  note(text: string): void;
  ended(migration: ApiMigration): void;
}

class JsonView implements View {
  event(event: ApiEvent): void {
    process.stdout.write(`${jsonLine(event)}\n`);
  }

  note(text: string): void {
    process.stderr.write(`caraway: ${text}\n`);
  }

  ended(migration: ApiMigration): void {
    process.stdout.write(`${jsonLine({ event: "migration", ...migration })}\n`);
  }
}

/** On a terminal the progress stays in its line. */
class PersonView implements View {
  readonly #isTerminal = process.stdout.isTTY === true;
  #isInProgress = false;

  event(event: ApiEvent): void {
    switch (event.event) {
      case "move-client":
        this.note(clientLine(event as unknown as Parameters<typeof clientLine>[0]));
        break;
      case "migration-phase":
        if (event["phase"] !== "ended") this.note(`${event["phase"]}`);
        break;
      case "migration-progress":
        this.#progress(event);
        break;
      case "migration-postcopy":
        this.note(`post-copy: ${event["state"]}`);
        break;
      case "migration-link-lost":
        this.note(`the link to the other host is lost: ${event["detail"]}`);
        break;
      case "migration-link-back":
        this.note("the link to the other host is back");
        break;
      default:
        break;
    }
  }

  note(text: string): void {
    this.#endProgress();
    process.stdout.write(`${text}\n`);
  }

  ended(migration: ApiMigration): void {
    const text = outcomeTable(migration);
    if (text !== "") this.note(`\n${text}\n`);
    const measured = measureText(migration);
    if (measured !== "") this.note(measured);
    if (migration.owner === "target") this.note(endText(migration));
  }

  #progress(event: ApiEvent): void {
    const [sent, total] = [Number(event["sent"]), Number(event["total"])];
    const text = progressText(sent, total, event["memory"] as ApiMigration["memory"] | undefined);
    if (!this.#isTerminal) {
      if (sent === total) process.stdout.write(`${text}\n`);
      return;
    }
    // The last one may have been longer.
    process.stdout.write(`\r${text}\u001b[K`);
    this.#isInProgress = true;
  }

  #endProgress(): void {
    if (this.#isInProgress) process.stdout.write("\n");
    this.#isInProgress = false;
  }
}
