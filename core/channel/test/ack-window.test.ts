import { expect, it } from "vitest";
import { AckWindow } from "../src/index.ts";

function dueAt(window: AckWindow, messages: number): number[] {
  const due: number[] = [];
  for (let count = 1; count <= messages; count++) if (window.handled() !== null) due.push(count);
  return due;
}

it("asks for nothing until a window is opened", () => {
  expect(dueAt(new AckWindow(), 100)).toEqual([]);
});

it("asks for one ACK a window", () => {
  const window = new AckWindow();
  expect(window.open(5, 20)).toEqual({ name: "ACK_SYNC", generation: 5 });
  expect(dueAt(window, 65)).toEqual([20, 40, 60]);
});

it("counts anew when another window is opened", () => {
  const window = new AckWindow();
  window.open(1, 4);
  expect(dueAt(window, 3)).toEqual([]);
  window.open(2, 3);
  expect(dueAt(window, 7)).toEqual([3, 6]);
});

it("asks for nothing with a window of none", () => {
  const window = new AckWindow();
  window.open(1, 0);
  expect(dueAt(window, 10)).toEqual([]);
});
