// What programs have done, for all worlds of one scenario.

import type { ClientProcess } from "./client-process.ts";
import type { HostProcess } from "./host-process.ts";
import { Memory, type Recipe } from "./memory.ts";
import { newTapPoint } from "./tap-memory.ts";
import type { ClientView, HostView } from "./views.ts";

/** When worlds begin. */
export const startMs = 1000;

export class Memories {
  readonly firstTap = newTapPoint();
  readonly #compared: number | null;
  readonly #clients = new Map<string, Memory<ClientProcess, ClientView>>();
  readonly #hosts = new Map<string, Memory<HostProcess, HostView>>();

  /** `compared`: how many states that look the same are compared; null: none is taken for another. */
  constructor(compared: number | null = null) {
    this.#compared = compared;
  }

  client(recipe: Recipe<ClientProcess, ClientView>): Memory<ClientProcess, ClientView> {
    const memory = this.#clients.get(recipe.name) ?? new Memory(recipe, startMs, this.#compared);
    this.#clients.set(recipe.name, memory);
    return memory;
  }

  host(recipe: Recipe<HostProcess, HostView>): Memory<HostProcess, HostView> {
    const memory = this.#hosts.get(recipe.name) ?? new Memory(recipe, startMs, this.#compared);
    this.#hosts.set(recipe.name, memory);
    return memory;
  }

  /** Different states of programs, and turns of the programs themselves. */
  get figures(): { readonly points: number; readonly variants: number; readonly turns: number } {
    let [points, variants, turns] = [0, 0, 0];
    for (const memory of [...this.#clients.values(), ...this.#hosts.values()]) {
      points += memory.size;
      variants += memory.variants;
      turns += memory.asked + memory.replayed;
    }
    return { points, variants, turns };
  }
}
