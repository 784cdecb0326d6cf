// The codecs of every channel, direction by direction, and of the structs that stand alone.

import { interpretMessages, interpretStruct } from "@caraway/wire";
import { AgentMessageHeader, agentMessages, VdiChunkHeader } from "./agent.ts";
import { Playback, Record } from "./audio.ts";
import { baseClient, baseServer } from "./base.ts";
import type { AnyChannelSchema, ChannelSchema } from "./channel-schema.ts";
import { Cursor } from "./cursor.ts";
import { Port, Smartcard, Usbredir, Webdav } from "./devices.ts";
import { Display } from "./display.ts";
import { DataHeader, MiniDataHeader, SubMessageList } from "./framing.ts";
import { Palette } from "./image.ts";
import { Inputs } from "./inputs.ts";
import { LinkHeader, LinkMess, LinkReply, SaslData } from "./link.ts";
import { Main } from "./main.ts";
import {
  DisplayMigrationData,
  InputsMigrationData,
  MainMigrationData,
  SmartcardMigrationData,
  SpicevmcMigrationData,
} from "./migration-data.ts";

function bothDirections<C extends AnyChannelSchema>(schema: C) {
  const { server, client }: ChannelSchema<C["server"], C["client"]> = schema;
  return { server: interpretMessages(server), client: interpretMessages(client) };
}

export const mainCodec = bothDirections(Main);
export const displayCodec = bothDirections(Display);
export const inputsCodec = bothDirections(Inputs);
export const cursorCodec = bothDirections(Cursor);
export const playbackCodec = bothDirections(Playback);
export const recordCodec = bothDirections(Record);
export const smartcardCodec = bothDirections(Smartcard);
export const usbredirCodec = bothDirections(Usbredir);
export const portCodec = bothDirections(Port);
export const webdavCodec = bothDirections(Webdav);

/** The common messages alone. */
export const baseCodec = {
  server: interpretMessages(baseServer),
  client: interpretMessages(baseClient),
};

/** By the `type` of `AgentMessageHeader`; the body is what follows that header. */
export const agentCodec = interpretMessages(agentMessages);
export const agentMessageHeaderCodec = interpretStruct(AgentMessageHeader);
export const vdiChunkHeaderCodec = interpretStruct(VdiChunkHeader);

export const linkHeaderCodec = interpretStruct(LinkHeader);
export const linkMessCodec = interpretStruct(LinkMess);
export const linkReplyCodec = interpretStruct(LinkReply);
export const saslDataCodec = interpretStruct(SaslData);
export const dataHeaderCodec = interpretStruct(DataHeader);
export const miniDataHeaderCodec = interpretStruct(MiniDataHeader);
export const subMessageListCodec = interpretStruct(SubMessageList);
export const paletteCodec = interpretStruct(Palette);

export const mainMigrationDataCodec = interpretStruct(MainMigrationData);
export const displayMigrationDataCodec = interpretStruct(DisplayMigrationData);
export const inputsMigrationDataCodec = interpretStruct(InputsMigrationData);
export const spicevmcMigrationDataCodec = interpretStruct(SpicevmcMigrationData);
export const smartcardMigrationDataCodec = interpretStruct(SmartcardMigrationData);
