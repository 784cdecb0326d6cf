// Every packet of the USB redirection protocol 0.7. The host has the device, the guest uses it. A
// packet is a header (type, length, id) and one of these bodies; what the guest asks for by an id is
// answered by the same id.

import {
  bytes,
  given,
  list,
  type MessageOf,
  message,
  openEnumOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from "@caraway/wire";
import { UsbSpeed, UsbStatus } from "./constants.ts";

const status = openEnumOf(u8, "UsbStatus", UsbStatus);
const rest = bytes({ rest: true });
/** By `endpointIndex`. */
const perEndpoint = bytes({ fixed: 32 });

/** Before both HELLOs, and unless both have IDS_64BITS. */
export const PacketHeader = struct("usb_redir_header_32bit_id", {
  type: u32,
  length: u32,
  id: u32,
});
export const LongPacketHeader = struct("usb_redir_header", { type: u32, length: u32, id: u64 });

/** What `given` fields below ask for. */
export const layouts = {
  deviceVersion: "connect_device_version",
  maxPacketSize: "ep_info_max_packet_size",
  maxStreams: "bulk_streams",
  lengthHigh: "32bits_bulk_length",
} as const;

export const eitherPackets = [
  message(
    "HELLO",
    0,
    { version: bytes({ fixed: 64 }), capabilities: rest },
    "The first packet of either end: who it is, NUL-padded, and capability words.",
  ),
  message(
    "FILTER_FILTER",
    23,
    { rules: text({ rest: true }, true) },
    "Rules for devices that may be redirected; see parseFilter.",
    "usb_redir_cap_filter",
  ),
  message(
    "CONTROL_PACKET",
    100,
    {
      endpoint: u8,
      request: u8,
      requestType: u8,
      status,
      value: u16,
      index: u16,
      length: u16,
      data: rest,
    },
    "A control transfer and its answer. Data goes with the packet of its direction only.",
  ),
  message(
    "BULK_PACKET",
    101,
    {
      endpoint: u8,
      status,
      length: u16,
      streamId: u32,
      lengthHigh: given(layouts.lengthHigh, u16),
      data: rest,
    },
    "A bulk transfer and its answer, at most 128 MiB; `lengthHigh` has the upper 16 bits.",
  ),
  message(
    "ISO_PACKET",
    102,
    { endpoint: u8, status, length: u16, data: rest },
    "One isochronous packet, within START_ISO_STREAM and STOP_ISO_STREAM; answered by none.",
  ),
  message(
    "INTERRUPT_PACKET",
    103,
    { endpoint: u8, status, length: u16, data: rest },
    "What an interrupt endpoint received, or shall send (and how that ended).",
  ),
] as const;

export const hostPackets = [
  message(
    "DEVICE_CONNECT",
    1,
    {
      speed: openEnumOf(u8, "UsbSpeed", UsbSpeed),
      deviceClass: u8,
      deviceSubclass: u8,
      deviceProtocol: u8,
      vendorId: u16,
      productId: u16,
      deviceVersionBcd: given(layouts.deviceVersion, u16),
    },
    "The device is there; INTERFACE_INFO and EP_INFO came before.",
  ),
  message("DEVICE_DISCONNECT", 2, {}, "The device is gone, with all that was asked of it."),
  message(
    "INTERFACE_INFO",
    4,
    {
      interfaceCount: u32,
      interface: perEndpoint,
      interfaceClass: perEndpoint,
      interfaceSubclass: perEndpoint,
      interfaceProtocol: perEndpoint,
    },
    "Interfaces of the present configuration: at most 32.",
  ),
  message(
    "EP_INFO",
    5,
    {
      /** `EndpointType`. */
      type: perEndpoint,
      interval: perEndpoint,
      interface: perEndpoint,
      maxPacketSize: given(layouts.maxPacketSize, list(u16, { fixed: 32 })),
      maxStreams: given(layouts.maxStreams, list(u32, { fixed: 32 })),
    },
    "Endpoints of the present configuration and alternate settings.",
  ),
  message("CONFIGURATION_STATUS", 8, { status, configuration: u8 }, "Answers GET and SET."),
  message(
    "ALT_SETTING_STATUS",
    11,
    { status, interface: u8, alt: u8 },
    "Answers GET_ALT_SETTING and SET_ALT_SETTING.",
  ),
  message(
    "ISO_STREAM_STATUS",
    14,
    { status, endpoint: u8 },
    "Answers START and STOP, and says when a stream breaks.",
  ),
  message(
    "INTERRUPT_RECEIVING_STATUS",
    17,
    { status, endpoint: u8 },
    "Answers START and STOP, and says when receiving breaks.",
  ),
  message(
    "BULK_STREAMS_STATUS",
    20,
    { endpoints: u32, noStreams: u32, status },
    "Answers ALLOC_BULK_STREAMS and FREE_BULK_STREAMS.",
  ),
  message(
    "BULK_RECEIVING_STATUS",
    27,
    { streamId: u32, endpoint: u8, status },
    "Answers START and STOP, and says when receiving breaks.",
    "usb_redir_cap_bulk_receiving",
  ),
  message(
    "BUFFERED_BULK_PACKET",
    104,
    { streamId: u32, length: u32, endpoint: u8, status, data: rest },
    "What a bulk endpoint received by itself.",
    "usb_redir_cap_bulk_receiving",
  ),
] as const;

export const guestPackets = [
  message("RESET", 3, {}, "Resets the device; not answered."),
  message("SET_CONFIGURATION", 6, { configuration: u8 }, "Answered by CONFIGURATION_STATUS."),
  message("GET_CONFIGURATION", 7, {}, "Answered by CONFIGURATION_STATUS."),
  message("SET_ALT_SETTING", 9, { interface: u8, alt: u8 }, "Answered by ALT_SETTING_STATUS."),
  message("GET_ALT_SETTING", 10, { interface: u8 }, "Answered by ALT_SETTING_STATUS."),
  message(
    "START_ISO_STREAM",
    12,
    { endpoint: u8, pktsPerUrb: u8, noUrbs: u8 },
    "Answered by ISO_STREAM_STATUS.",
  ),
  message("STOP_ISO_STREAM", 13, { endpoint: u8 }, "Answered by ISO_STREAM_STATUS."),
  message(
    "START_INTERRUPT_RECEIVING",
    15,
    { endpoint: u8 },
    "Answered by INTERRUPT_RECEIVING_STATUS; then INTERRUPT_PACKETs come by themselves.",
  ),
  message(
    "STOP_INTERRUPT_RECEIVING",
    16,
    { endpoint: u8 },
    "Answered by INTERRUPT_RECEIVING_STATUS.",
  ),
  message(
    "ALLOC_BULK_STREAMS",
    18,
    { endpoints: u32, noStreams: u32 },
    "`endpoints`: a bit for each `endpointIndex`. Answered by BULK_STREAMS_STATUS.",
  ),
  message("FREE_BULK_STREAMS", 19, { endpoints: u32 }, "Answered by BULK_STREAMS_STATUS."),
  message(
    "CANCEL_DATA_PACKET",
    21,
    {},
    "The data packet of this id is to end; it is answered as ever, CANCELLED if it was in time.",
  ),
  message("FILTER_REJECT", 22, {}, "The device may not be redirected.", "usb_redir_cap_filter"),
  message(
    "DEVICE_DISCONNECT_ACK",
    24,
    {},
    "DEVICE_DISCONNECT was heard: nothing more comes for that device.",
    "usb_redir_cap_device_disconnect_ack",
  ),
  message(
    "START_BULK_RECEIVING",
    25,
    { streamId: u32, bytesPerTransfer: u32, endpoint: u8, noTransfers: u8 },
    "Answered by BULK_RECEIVING_STATUS; then BUFFERED_BULK_PACKETs come by themselves.",
    "usb_redir_cap_bulk_receiving",
  ),
  message(
    "STOP_BULK_RECEIVING",
    26,
    { streamId: u32, endpoint: u8 },
    "Answered by BULK_RECEIVING_STATUS.",
    "usb_redir_cap_bulk_receiving",
  ),
] as const;

export type PacketBody =
  | MessageOf<typeof eitherPackets>
  | MessageOf<typeof hostPackets>
  | MessageOf<typeof guestPackets>;

export type Packet = PacketBody & { readonly id: bigint };
export type PacketName = Packet["name"];
export type PacketOf<N extends PacketName> = Extract<Packet, { readonly name: N }>;
