// Why a file did not reach the guest, in words.

import {
  FileXferErrorType,
  FileXferStatus,
  fileXferStatusErrorCodec,
  fileXferStatusNotEnoughSpaceCodec,
} from "@caraway/protocol";
import { CarawayError, WireError } from "@caraway/wire";

export type FileTransferFailure =
  /** The user did not want it any more. */
  | "FILE_CANCELLED"
  /** The guest did not want it any more. */
  | "FILE_CANCELLED_BY_GUEST"
  | "FILE_GUEST_ERROR"
  | "FILE_NO_SPACE"
  | "FILE_SESSION_LOCKED"
  /** Nobody is logged in in the guest, or the agent of that session does not run. */
  | "FILE_NO_SESSION"
  | "FILE_DISABLED"
  /** The file could not be read here, or changed its size meanwhile. */
  | "FILE_READ"
  /** The guest said what cannot be. */
  | "FILE_PROTOCOL"
  /** The guest's agent came and went too often. */
  | "FILE_AGENT_LOST"
  | "FILE_SESSION_ENDED";

export class FileTransferError extends CarawayError {
  readonly code: FileTransferFailure;
  /** Bytes that the guest has left, with FILE_NO_SPACE where the guest says it. */
  readonly freeSpace: number | null;

  constructor(code: FileTransferFailure, detail: string, freeSpace: number | null = null) {
    super(detail);
    this.code = code;
    this.freeSpace = freeSpace;
  }
}

/** `G_IO_ERROR_*` that people meet. */
const glibErrors: Readonly<Record<number, string>> = {
  1: "it was not found",
  2: "a file of that name is there already",
  3: "the target is a folder",
  4: "the target is no folder",
  9: "the name is too long",
  10: "the name cannot be used in the guest",
  12: "the guest's disk is full",
  14: "the guest's user may not write there",
  21: "the guest's disk may only be read",
};

/** Null when the status is no failure. */
export function failureOf(result: number, details: Uint8Array): FileTransferError | null {
  switch (result) {
    case FileXferStatus.CAN_SEND_DATA:
    case FileXferStatus.SUCCESS:
      return null;
    case FileXferStatus.CANCELLED:
      return new FileTransferError("FILE_CANCELLED_BY_GUEST", "the guest cancelled the transfer");
    case FileXferStatus.ERROR:
      return new FileTransferError("FILE_GUEST_ERROR", guestError(details));
    case FileXferStatus.NOT_ENOUGH_SPACE: {
      const free = freeSpace(details);
      const left = free === null ? "" : `: ${free} bytes are left`;
      return new FileTransferError("FILE_NO_SPACE", `the guest has no room for it${left}`, free);
    }
    case FileXferStatus.SESSION_LOCKED:
      return new FileTransferError("FILE_SESSION_LOCKED", "the guest's session is locked");
    case FileXferStatus.VDAGENT_NOT_CONNECTED:
      return new FileTransferError(
        "FILE_NO_SESSION",
        "nobody is logged in in the guest, or the agent of the session does not run",
      );
    case FileXferStatus.DISABLED:
      return new FileTransferError("FILE_DISABLED", "the guest takes no files");
    default:
      return new FileTransferError("FILE_PROTOCOL", `the guest answered with status ${result}`);
  }
}

function guestError(details: Uint8Array): string {
  const plain = "the guest could not write the file";
  const error = decoded(() => fileXferStatusErrorCodec.decode(details.subarray(0, 5)));
  if (error === null || error.errorType !== FileXferErrorType.GLIB_IO) return plain;
  return `${plain}: ${glibErrors[error.errorCode] ?? `GIO error ${error.errorCode}`}`;
}

function freeSpace(details: Uint8Array): number | null {
  const read = () => fileXferStatusNotEnoughSpaceCodec.decode(details.subarray(0, 8));
  const space = decoded(read)?.diskFreeSpace;
  return space === undefined ? null : Number(space);
}

/** Details came only with later versions of the protocol. */
function decoded<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
