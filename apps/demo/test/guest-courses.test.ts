import type { ApiEvent } from "caraway-host";
import { describe, expect, it } from "vitest";
import { GuestCourses } from "../src/guest-courses.ts";

const begin = Date.parse("2026-01-01T00:00:00.000Z");

describe("how the guest stood in its moves", () => {
  const courses = new GuestCourses();
  const hear = (event: string, afterMs: number, migration: string, more: object = {}): void => {
    const at = new Date(begin + afterMs).toISOString();
    courses.note({ ...more, seq: 0, event, at, guest: "desk", migration } as ApiEvent);
  };

  it("is put together from what both hosts tell", () => {
    hear("migration-phase", 0, "a", { phase: "linking" });
    hear("migration-phase", 100, "a", { phase: "stopping" });
    hear("migration-phase", 150, "a", { phase: "sending" });
    hear("hold-began", 300, "a");
    hear("hold-ended", 340, "a");
    const [stoppedAt, heldFrom, ranAt] = [begin + 100, begin + 300, begin + 340];
    expect(courses.list).toEqual([{ migration: "a", stoppedAt, heldFrom, ranAt }]);
  });

  it("has no end for a move that is called off", () => {
    hear("migration-phase", 1000, "b", { phase: "stopping" });
    hear("migration-phase", 1100, "b", { phase: "cancelling" });
    expect(courses.list.at(-1)).toMatchObject({ migration: "b", heldFrom: null, ranAt: null });
  });

  it("is forgotten for all but the latest", () => {
    for (let n = 0; n < 10; n++) hear("migration-phase", 2000 + n, `${n}`, { phase: "stopping" });
    expect(courses.list.map(({ migration }) => migration)).toEqual(["5", "6", "7", "8", "9"]);
  });
});
