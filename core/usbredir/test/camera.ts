// A device with an endpoint of every kind, for tests of what is passed on.

import { EndpointType, type UsbDescription, UsbSpeed } from "@caraway/usbredir";

const { BULK, INTERRUPT, ISO } = EndpointType;

export const camera: UsbDescription = {
  speed: UsbSpeed.HIGH,
  ...{ deviceClass: 0xff, deviceSubclass: 1, deviceProtocol: 2 },
  ...{ vendorId: 0x1234, productId: 0x5678, version: 0x0200 },
  interfaces: [
    {
      ...{ number: 0, alternate: 0 },
      ...{ interfaceClass: 0xff, interfaceSubclass: 0, interfaceProtocol: 0 },
      endpoints: [
        { address: 0x81, type: BULK, packetSize: 512, interval: 0 },
        { address: 0x02, type: BULK, packetSize: 512, interval: 0 },
        { address: 0x83, type: INTERRUPT, packetSize: 16, interval: 4 },
        { address: 0x04, type: INTERRUPT, packetSize: 16, interval: 4 },
        // Two packets in a microframe.
        { address: 0x85, type: ISO, packetSize: 100 | (1 << 11), interval: 1 },
        { address: 0x06, type: ISO, packetSize: 100, interval: 1 },
      ],
    },
  ],
};
