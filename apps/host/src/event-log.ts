// What has happened on a host, numbered: the newest are kept for those who ask later, and those who
// listen hear the rest as it happens.

import { CarawayError } from "@caraway/wire";
import type { ApiEvent } from "./api-types.ts";

const keptMax = 2000;

export interface EventFilter {
  /** Only behind this number. */
  readonly since: number | null;
  readonly guest: string | null;
  readonly migration: string | null;
}

export class EventLog {
  readonly #kept: ApiEvent[] = [];
  readonly #listeners = new Set<(event: ApiEvent) => void>();
  #seq = 0;

  /** `about`: plain data without secrets. */
  add(
    event: string,
    where: { readonly guest: string | null; readonly migration: string | null },
    about: object = {},
  ): ApiEvent {
    this.#seq += 1;
    const at = new Date().toISOString();
    const entry: ApiEvent = { ...plain(about), seq: this.#seq, at, event, ...where };
    this.#kept.push(entry);
    if (this.#kept.length > keptMax) this.#kept.shift();
    for (const listener of this.#listeners) listener(entry);
    return entry;
  }

  /** Those that are kept, and from then on each one, until the answer is called. */
  follow(filter: EventFilter, told: (event: ApiEvent) => void): () => void {
    const { since, guest, migration } = filter;
    const passes = (event: ApiEvent): boolean => {
      if (guest !== null && event.guest !== guest) return false;
      return migration === null || event.migration === migration;
    };
    const listener = (event: ApiEvent): void => {
      if (passes(event)) told(event);
    };
    if (since !== null) {
      for (const event of this.#kept) if (event.seq > since) listener(event);
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Errors become their code and message; bytes stay out. */
function plain(value: object): Record<string, unknown> {
  const text = JSON.stringify(value, (_key, field: unknown) => {
    if (field instanceof CarawayError) return { code: field.code, message: field.message };
    if (field instanceof Error) return { code: "FAULT", message: field.message };
    if (typeof field === "bigint") return field.toString();
    return field instanceof Uint8Array ? undefined : field;
  });
  return JSON.parse(text) as Record<string, unknown>;
}
