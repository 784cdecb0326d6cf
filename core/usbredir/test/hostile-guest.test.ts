import {
  HidDevice,
  PacketStream,
  PassedDevice,
  SerialDevice,
  StorageDevice,
  type UsbDevice,
  UsbHost,
  type UsbHostInput,
} from "@caraway/usbredir";
import { Random, randomPacket, usbredirCapabilities } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import { camera } from "./camera.ts";

const devices: Readonly<Record<string, () => UsbDevice>> = {
  "a stick": () => new StorageDevice({ kind: "stick", medium: { size: 1 << 20, writable: true } }),
  "a keyboard": () => new HidDevice("keyboard"),
  "a serial line": () => new SerialDevice(),
  "a real device": () => new PassedDevice({ description: camera, configuration: 1 }),
};

/** The largest list that a machine's snapshot tells of. */
function largestCount(value: unknown): number {
  if (typeof value === "number") return 0;
  if (typeof value !== "object" || value === null) return 0;
  const counted = ["requests", "arrivals", "reads", "controls", "waiting", "writes", "kept"];
  return Math.max(
    0,
    ...Object.entries(value).map(([key, each]) => {
      return counted.includes(key) && typeof each === "number" ? each : largestCount(each);
    }),
  );
}

describe.each(Object.keys(devices))("a hostile guest of %s", (name) => {
  it("gets nothing but packets, and holds no memory, whatever it asks", () => {
    for (let round = 0; round < 40; round++) {
      const random = new Random(round);
      const host = new UsbHost(devices[name]!());
      const capabilities = usbredirCapabilities;
      const guest = new PacketStream({ role: "guest", version: "", capabilities });
      const tasks: number[] = [];
      const feed = (input: UsbHostInput) => {
        host.handle(input);
        for (let output = host.poll(); output !== null; output = host.poll()) {
          if (output.type === "transmit") guest.push(output.bytes);
          else if (output.type === "work") tasks.push(output.task);
        }
        while (guest.next() !== null);
      };
      feed({ type: "received", bytes: guest.hello() });
      const both = new Set(capabilities.filter((bit) => guest.both(bit)));
      for (let count = 0; count < 400; count++) {
        if (tasks.length > 0 && random.once(3)) {
          const bytes = new Uint8Array(random.below(2000));
          const task = tasks.shift()!;
          const [status, packets] = [random.below(7), [{ status: 0, data: bytes }]];
          const result = { status, data: bytes, length: bytes.length, packets };
          feed(
            name === "a real device"
              ? { type: "transferred", task, result }
              : { type: "done", task, data: random.once(3) ? null : bytes },
          );
          continue;
        }
        const bytes = guest.write(randomPacket("guest", both, random)).slice();
        if (random.once(4)) bytes[random.below(bytes.length)] = random.u32();
        if (new DataView(bytes.buffer).getUint32(4, true) === bytes.length - 16) {
          feed({ type: "received", bytes });
        }
      }
      expect(largestCount(host.snapshot())).toBeLessThanOrEqual(512);
    }
  });
});
