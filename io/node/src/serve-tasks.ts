// Answers the tasks of a server: keys, tickets, SASL, JPEG, video and Opus. Passwords of SASL users never leave
// this tier.

import type { ConnectionKey } from "@caraway/channel";
import type { Arrival, ServerTask, ServerTaskResult } from "@caraway/server";
import type { VideoEncoders } from "./ffmpeg.ts";
import { encodeJpeg } from "./jpeg-encode.ts";
import { decryptTicket, type LinkKey, LinkKeys } from "./serve-keys.ts";
import { SaslServer } from "./serve-sasl.ts";
import type { SaslPasswords } from "./serve-scram.ts";
import { SoundTasks } from "./serve-sound.ts";
import { VideoTasks } from "./serve-video.ts";

export class ServerTasks {
  readonly #passwords: SaslPasswords;
  readonly #ready = new LinkKeys();
  readonly #keys = new Map<ConnectionKey, LinkKey>();
  readonly #exchanges = new Map<ConnectionKey, SaslServer>();
  readonly #sound = new SoundTasks();
  readonly #video: VideoTasks;

  constructor(passwords: SaslPasswords, videoEncoders: VideoEncoders | null) {
    this.#passwords = passwords;
    this.#video = new VideoTasks(videoEncoders);
  }

  /** A guest is on its way, which must not be kept waiting when it is there. */
  prepare(): void {
    // What cannot be loaded is told to who asks for it.
    this.#sound.prepare().catch(() => {});
  }

  /** Nothing is asked for any more. */
  close(): void {
    this.#sound.close();
    this.#video.close();
  }

  /** Never rejects: what goes wrong is an answer, too. */
  async run(task: ServerTask, arrival: Arrival | undefined): Promise<ServerTaskResult> {
    try {
      return await this.#answer(task, arrival);
    } catch (error) {
      return { kind: "failed", detail: error instanceof Error ? error.message : `${error}` };
    }
  }

  /** Forgets key and exchange of a connection that is over, or past its link stage. */
  forget(connection: ConnectionKey): void {
    this.#keys.delete(connection);
    this.#exchanges.delete(connection);
  }

  async #answer(task: ServerTask, arrival: Arrival | undefined): Promise<ServerTaskResult> {
    switch (task.kind) {
      case "key": {
        const key = await this.#ready.take();
        this.#keys.set(task.connection, key);
        return { kind: "key", publicKey: key.publicKey };
      }
      case "decrypt": {
        const key = this.#keys.get(task.connection);
        const plain = key === undefined ? null : decryptTicket(key, task.ticket);
        this.#keys.delete(task.connection);
        if (plain === null) return { kind: "refused", detail: "the ticket cannot be decrypted" };
        return { kind: "decrypt", plain };
      }
      case "sasl-mechanisms": {
        const isPrivate = arrival?.tls === true || arrival?.local === true;
        const exchange = new SaslServer(this.#passwords, isPrivate);
        this.#exchanges.set(task.connection, exchange);
        return { kind: "sasl-mechanisms", mechanisms: exchange.mechanisms };
      }
      case "sasl-start":
        return await this.#exchange(task.connection).start(task.mechanism, task.data);
      case "sasl-step":
        return await this.#exchange(task.connection).step(task.data);
      case "jpeg":
        return { kind: "jpeg", data: await encodeJpeg(task.image, task.quality) };
      case "video-encode":
        return { kind: "video-frame", data: await this.#video.encode(task) };
      case "video-end":
        this.#video.end(task.encoder);
        return { kind: "video-ended" };
      case "opus-encode":
        return { kind: "opus-encode", packet: await this.#sound.encode(task) };
      case "opus-decode":
        return { kind: "opus-decode", samples: await this.#sound.decode(task) };
    }
  }

  #exchange(connection: ConnectionKey): SaslServer {
    const exchange = this.#exchanges.get(connection);
    if (exchange === undefined) throw new Error("a SASL step without a start");
    return exchange;
  }
}
