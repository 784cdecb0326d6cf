import { describe, expect, it } from "vitest";
import { AckCredit } from "../src/index.ts";

function send(credit: AckCredit, limit = 1000): number {
  let sent = 0;
  for (; credit.isOpen && sent < limit; sent++) credit.sent();
  return sent;
}

describe("AckCredit", () => {
  it("lets everything pass until a window is opened", () => {
    const credit = new AckCredit();
    expect(send(credit)).toBe(1000);
    expect(credit.open(20)).toEqual({ generation: 1, window: 20 });
    expect(credit.isOpen).toBe(true);
  });

  it("stops when more than two windows are under way, and goes on with each ack", () => {
    const credit = new AckCredit();
    credit.open(5);
    expect(send(credit)).toBe(11);
    credit.synchronized(1);
    credit.acknowledged();
    expect(send(credit)).toBe(5);
  });

  it("gives nothing for acks of another generation", () => {
    const credit = new AckCredit();
    credit.open(5);
    send(credit);
    credit.acknowledged();
    credit.synchronized(7);
    credit.acknowledged();
    expect(credit.isOpen).toBe(false);
  });

  it("gives no credit in advance for acks that are not due", () => {
    const credit = new AckCredit();
    credit.open(5);
    credit.synchronized(1);
    for (let times = 0; times < 100; times++) credit.acknowledged();
    expect(send(credit)).toBe(11);
  });
});
