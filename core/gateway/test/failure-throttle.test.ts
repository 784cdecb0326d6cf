import { expect, it } from "vitest";
import { FailureThrottle } from "../src/index.ts";

const options = { failuresMax: 3, windowMs: 1000, addressesMax: 10 };

it("blocks an address that fails too often, until its window is over", () => {
  const throttle = new FailureThrottle(options);
  for (let count = 0; count < 2; count++) throttle.failed("a", 0);
  expect(throttle.isBlocked("a", 10)).toBe(false);
  throttle.failed("a", 10);
  expect(throttle.isBlocked("a", 10)).toBe(true);
  expect(throttle.isBlocked("b", 10)).toBe(false);
  expect(throttle.isBlocked("a", 999)).toBe(true);
  expect(throttle.isBlocked("a", 1000)).toBe(false);
});

it("remembers no more addresses than it may", () => {
  const throttle = new FailureThrottle(options);
  for (let count = 0; count < 3; count++) throttle.failed("first", 0);
  for (let address = 0; address < 20; address++) throttle.failed(`${address}`, 1);
  expect(throttle.isBlocked("first", 2)).toBe(false);
});
