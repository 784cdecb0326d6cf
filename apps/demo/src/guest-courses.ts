// How the guest stood still in each move, from what the hosts tell: stopped at the one, on its way,
// held at the other until its sessions are there.

import type { ApiEvent } from "caraway-host";

/** Milliseconds since 1970; null until it has happened. */
export interface MoveCourse {
  readonly migration: string;
  readonly stoppedAt: number;
  readonly heldFrom: number | null;
  readonly ranAt: number | null;
}

/** As many as the page shows moves. */
const keptMax = 5;

export class GuestCourses {
  #list: readonly MoveCourse[] = [];

  /** Oldest first. */
  get list(): readonly MoveCourse[] {
    return this.#list;
  }

  note({ event, at, migration, phase }: ApiEvent): void {
    if (migration === null) return;
    const time = Date.parse(at);
    const isStop = event === "migration-phase" && (phase === "stopping" || phase === "moving");
    if (isStop) {
      const course = { migration, stoppedAt: time, heldFrom: null, ranAt: null };
      this.#list = [...this.#list, course].slice(-keptMax);
    } else if (event === "hold-began") this.#change(migration, { heldFrom: time });
    else if (event === "hold-ended") this.#change(migration, { ranAt: time });
  }

  #change(migration: string, news: Partial<MoveCourse>): void {
    this.#list = this.#list.map((course) => {
      return course.migration === migration ? { ...course, ...news } : course;
    });
  }
}
