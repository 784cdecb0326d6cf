export { AckCredit } from "./ack-credit.ts";
export { type AckDue, AckWindow } from "./ack-window.ts";
export { ByteQueue } from "./byte-queue.ts";
export { ConversationTap, type Finding, type Sender } from "./conversation-tap.ts";
export * from "./errors.ts";
export {
  type Frame,
  FrameReader,
  type FrameReaderOptions,
  FrameWriter,
  type SubFrame,
} from "./frame.ts";
export {
  type LinkAgreement,
  LinkClient,
  type LinkOutput,
  type LinkParameters,
} from "./link-client.ts";
export * from "./link-server.ts";
export * from "./link-server-task.ts";
export * from "./machine.ts";
export { Routing, type TaskOwner } from "./routing.ts";
