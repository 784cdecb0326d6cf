// How a move is shown: each client before it, its progress, and what became of each channel.

import type { ApiMigration, ApiMovingClient } from "caraway-host";

/** A client's readiness, in one line. */
export function clientLine({ client, peer, state, mode, detail }: ApiMovingClient): string {
  const why = detail === "" ? "" : `: ${detail}`;
  return `client ${client} (${peer}): ${state}, ${mode}${why}`;
}

/** As virsh shows it; of a VM, what `virsh domjobinfo` says besides. */
export function progressText(
  sent: number,
  total: number,
  memory: ApiMigration["memory"] = null,
): string {
  const percent = total === 0 ? 100 : Math.floor((sent / total) * 100);
  const text = `Migration: [${String(percent).padStart(3)} %]`;
  if (memory === null) return text;
  const { remaining, iteration, bytesPerS, dirtyBytesPerS, requests } = memory;
  const asked = requests === 0 ? "" : `, ${requests} pages asked for`;
  return (
    `${text}  ${mebibytes(remaining)} MiB left, pass ${iteration}, ` +
    `${mebibytes(bytesPerS)} MiB/s sent, ${mebibytes(dirtyBytesPerS)} MiB/s changed${asked}`
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** Of post-copy that does not get on. */
export function postcopyText({ guest, postcopy, detail }: ApiMigration): string {
  const why = detail === null ? "" : `: ${detail}`;
  if (postcopy === "failed") {
    return `post-copy has failed${why}; memory of guest ${guest} is missing at the other host`;
  }
  return (
    `post-copy is paused${why}; guest ${guest} stands still where it needs memory that has not ` +
    `come: caraway migrate ${guest} --recover`
  );
}

/** What became of each client's channels, as a table; empty when there were none. */
export function outcomeTable({ outcome }: ApiMigration): string {
  if (outcome === null) return "";
  const rows = outcome.clients.flatMap(({ client, peer, mode, channels }) =>
    channels.map(({ channel, outcome: kept, reason, gapMs, sentBytes }) => [
      `${client} (${peer})`,
      channel,
      mode,
      reason === "" ? kept : `${kept}: ${reason}`,
      String(sentBytes),
      gapMs.toFixed(0),
    ]),
  );
  if (rows.length === 0) return "";
  const head = ["CLIENT", "CHANNEL", "MODE", "OUTCOME", "BYTES SENT", "GAP MS"];
  return table([head, ...rows]);
}

/** Columns as wide as they have to be; numbers stand to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => {
        const width = widths[column]!;
        return column >= 4 ? text.padStart(width) : text.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

/** What was sent before the move and behind it, in as long a time; empty where it was not measured. */
export function measureText({ sentBeforeBytes, outcome }: ApiMigration): string {
  if (sentBeforeBytes === null || outcome === null) return "";
  return `sent to all clients: ${outcome.sentBytes} bytes behind the move, ${sentBeforeBytes} in as long before it`;
}

/** How it ended, in one line. */
export function endText(migration: ApiMigration): string {
  const { guest, peer, owner, error, stoppedMs, outcome } = migration;
  if (owner === "target") {
    const stopped = stoppedMs === null ? "" : `, stopped for ${stoppedMs.toFixed(0)} ms`;
    const held =
      outcome === null || outcome.holdReason === ""
        ? ""
        : `, held for ${outcome.holdMs.toFixed(0)} ms (${outcome.holdReason})`;
    return `guest ${guest} is at ${peer}${stopped}${held}`;
  }
  return `guest ${guest} stays where it is: ${error?.message ?? "the move did not come about"}`;
}
