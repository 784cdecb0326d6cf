// Numbers of the USB redirection protocol 0.7, as its header names them.

/** How a request ended. */
export const UsbStatus = {
  SUCCESS: 0,
  CANCELLED: 1,
  /** The request makes no sense: packet type, length, endpoint. */
  INVAL: 2,
  IOERROR: 3,
  STALL: 4,
  TIMEOUT: 5,
  BABBLE: 6,
} as const;

/** Kinds of endpoints; `INVALID`: there is none. */
export const EndpointType = {
  CONTROL: 0,
  ISO: 1,
  BULK: 2,
  INTERRUPT: 3,
  INVALID: 255,
} as const;

export const UsbSpeed = { LOW: 0, FULL: 1, HIGH: 2, SUPER: 3, UNKNOWN: 255 } as const;

/** Bits of HELLO's first capability word. What changes a layout holds when both ends have it. */
export const UsbredirCapability = {
  BULK_STREAMS: 0,
  CONNECT_DEVICE_VERSION: 1,
  FILTER: 2,
  DEVICE_DISCONNECT_ACK: 3,
  EP_INFO_MAX_PACKET_SIZE: 4,
  /** Ids of 64 bits in every header behind HELLO. */
  IDS_64BITS: 5,
  BULK_LENGTH_32BITS: 6,
  BULK_RECEIVING: 7,
} as const;

export type UsbredirCapability = (typeof UsbredirCapability)[keyof typeof UsbredirCapability];

/** Endpoints: bit 7 of an address says that data goes from the device to the guest. */
export const endpointIn = 0x80;

/** Place of an endpoint address in lists of 32 endpoints: OUT first, then IN. */
export function endpointIndex(endpoint: number): number {
  return ((endpoint & endpointIn) >> 3) | (endpoint & 0x0f);
}
