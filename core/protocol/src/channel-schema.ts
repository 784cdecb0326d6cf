// How a channel is declared: its messages in both directions, the common ones included, and the
// capabilities that either end may announce.

import type { AnyMessageSchema, MessageOf } from "@caraway/wire";

export interface ChannelSchema<
  S extends readonly AnyMessageSchema[],
  C extends readonly AnyMessageSchema[],
> {
  readonly name: string;
  readonly type: number;
  /** Server to client. */
  readonly server: S;
  /** Client to server. */
  readonly client: C;
  readonly capabilities: Readonly<Record<string, number>>;
}

export function channel<
  const S extends readonly AnyMessageSchema[],
  const C extends readonly AnyMessageSchema[],
>(
  name: string,
  type: number,
  capabilities: Readonly<Record<string, number>>,
  messages: { readonly server: S; readonly client: C },
): ChannelSchema<S, C> {
  return { name, type, capabilities, server: messages.server, client: messages.client };
}

export type AnyChannelSchema = ChannelSchema<
  readonly AnyMessageSchema[],
  readonly AnyMessageSchema[]
>;

/** `{ name, body }` of every message that the server of channel `C` may send. */
export type ServerMessage<C extends AnyChannelSchema> = MessageOf<C["server"]>;

/** `{ name, body }` of every message that the client of channel `C` may send. */
export type ClientMessage<C extends AnyChannelSchema> = MessageOf<C["client"]>;
