// The display channel: surfaces, drawing, image and palette caches, streams.

import {
  bytes,
  count,
  enumOf,
  fileDescriptor,
  flagsOf,
  i32,
  i64,
  list,
  message,
  openEnumOf,
  pointer,
  struct,
  u8,
  u16,
  u32,
  u64,
  unit,
  when,
} from "@caraway/wire";
import { baseClient, baseServer, waitList } from "./base.ts";
import { DisplayCapability } from "./capabilities.ts";
import { channel } from "./channel-schema.ts";
import {
  AlphaFlag,
  ChannelType,
  CompositeFlag,
  GlScanoutFlag,
  ImageCompression,
  ResourceType,
  ScaleMode,
  StreamFlag,
  SurfaceFlag,
  SurfaceFormat,
  VideoCodecType,
} from "./constants.ts";
import {
  Brush,
  Clip,
  DisplayBase,
  LineAttr,
  Path,
  Point,
  Point16,
  QMask,
  Rect,
  ropd,
  SpiceString,
  Transform,
} from "./graphics.ts";
import { Image } from "./image.ts";

export const ResourceId = struct("ResourceID", {
  type: openEnumOf(u8, "ResourceType", ResourceType),
  id: u64,
});

export const Head = struct("Head", {
  monitorId: u32,
  surfaceId: u32,
  width: u32,
  height: u32,
  x: u32,
  y: u32,
  flags: u32,
});

/** Most streams of a channel: ids are below it. */
export const streamsMax = 64;

const base = { base: DisplayBase } as const;
const scaleMode = openEnumOf(u8, "ScaleMode", ScaleMode);
const copy = {
  ...base,
  srcBitmap: pointer(Image),
  srcArea: Rect,
  ropDescriptor: ropd,
  scaleMode,
  mask: QMask,
} as const;
const masked = { ...base, mask: QMask } as const;
const streamData = { id: u32, multiMediaTime: unit(u32, "ms, wraps") } as const;
const frame = { dataSize: count(u32, "data"), data: bytes({ count: "dataSize" }) } as const;

export const Display = channel("display", ChannelType.DISPLAY, DisplayCapability, {
  server: [
    ...baseServer,
    message(
      "MODE",
      101,
      { xRes: u32, yRes: u32, bits: u32 },
      "Legacy: makes a primary surface of this size. Not sent by today's servers.",
    ),
    message("MARK", 102, {}, "The screen's content is complete: show it."),
    message("RESET", 103, {}, "Legacy: forget the palettes."),
    message("COPY_BITS", 104, { ...base, srcPos: Point }, "Copies within one surface."),
    message(
      "INVAL_LIST",
      105,
      { count: count(u16, "resources"), resources: list(ResourceId, { count: "count" }) },
      "Drops images from the cache.",
    ),
    message("INVAL_ALL_PIXMAPS", 106, waitList, "Waits, then empties the image cache."),
    message("INVAL_PALETTE", 107, { id: u64 }, "Drops a palette from the cache."),
    message("INVAL_ALL_PALETTES", 108, {}, "Empties the palette cache."),
    message(
      "STREAM_CREATE",
      122,
      {
        surfaceId: u32,
        id: u32,
        flags: flagsOf(u8, "StreamFlag", StreamFlag),
        codecType: openEnumOf(u8, "VideoCodecType", VideoCodecType),
        stamp: u64,
        streamWidth: u32,
        streamHeight: u32,
        srcWidth: u32,
        srcHeight: u32,
        dest: Rect,
        clip: Clip,
      },
      "A region becomes a video stream.",
    ),
    message("STREAM_DATA", 123, { ...streamData, ...frame }, "One frame, shown at its time."),
    message("STREAM_CLIP", 124, { id: u32, clip: Clip }, "New clip of a stream."),
    message("STREAM_DESTROY", 125, { id: u32 }, "A stream ends."),
    message("STREAM_DESTROY_ALL", 126, {}, "All streams end."),
    message(
      "DRAW_FILL",
      302,
      { ...base, brush: Brush, ropDescriptor: ropd, mask: QMask },
      "Brush onto destination.",
    ),
    message(
      "DRAW_OPAQUE",
      303,
      {
        ...base,
        srcBitmap: pointer(Image),
        srcArea: Rect,
        brush: Brush,
        ropDescriptor: ropd,
        scaleMode,
        mask: QMask,
      },
      "Source, scaled, combined with the brush by the rop; the result replaces the destination.",
    ),
    message("DRAW_COPY", 304, copy, "Source, scaled, to the destination."),
    message("DRAW_BLEND", 305, copy, "Source, scaled, combined with the destination by the rop."),
    message("DRAW_BLACKNESS", 306, masked, "All zero."),
    message("DRAW_WHITENESS", 307, masked, "All one."),
    message("DRAW_INVERS", 308, masked, "Destination inverted."),
    message(
      "DRAW_ROP3",
      309,
      {
        ...base,
        srcBitmap: pointer(Image),
        srcArea: Rect,
        brush: Brush,
        rop3: u8,
        scaleMode,
        mask: QMask,
      },
      "Ternary raster operation of source, brush and destination.",
    ),
    message(
      "DRAW_STROKE",
      310,
      {
        ...base,
        path: pointer(Path),
        attr: LineAttr,
        brush: Brush,
        foreMode: ropd,
        backMode: ropd,
      },
      "A path one pixel wide.",
    ),
    message(
      "DRAW_TEXT",
      311,
      {
        ...base,
        str: pointer(SpiceString),
        backArea: Rect,
        foreBrush: Brush,
        backBrush: Brush,
        foreMode: ropd,
        backMode: ropd,
      },
      "Glyphs in the fore brush on the back area in the back brush.",
    ),
    message(
      "DRAW_TRANSPARENT",
      312,
      { ...base, srcBitmap: pointer(Image), srcArea: Rect, srcColor: u32, trueColor: u32 },
      "Source without the pixels of one colour.",
    ),
    message(
      "DRAW_ALPHA_BLEND",
      313,
      {
        ...base,
        alphaFlags: flagsOf(u8, "AlphaFlag", AlphaFlag),
        alpha: u8,
        srcBitmap: pointer(Image),
        srcArea: Rect,
      },
      "Source over destination with constant and per-pixel alpha.",
    ),
    message(
      "SURFACE_CREATE",
      314,
      {
        surfaceId: u32,
        width: u32,
        height: u32,
        format: enumOf(u32, "SurfaceFormat", SurfaceFormat),
        flags: flagsOf(u32, "SurfaceFlag", SurfaceFlag),
      },
      "A surface comes to be; its content is undefined until drawn.",
    ),
    message("SURFACE_DESTROY", 315, { surfaceId: u32 }, "A surface ends."),
    message(
      "STREAM_DATA_SIZED",
      316,
      { ...streamData, width: u32, height: u32, dest: Rect, ...frame },
      "One frame with its own size and place.",
      "SPICE_DISPLAY_CAP_SIZED_STREAM",
    ),
    message(
      "MONITORS_CONFIG",
      317,
      { count: count(u16, "heads"), maxAllowed: u16, heads: list(Head, { count: "count" }) },
      "Which part of which surface each monitor shows.",
      "SPICE_DISPLAY_CAP_MONITORS_CONFIG",
    ),
    message(
      "DRAW_COMPOSITE",
      318,
      {
        ...base,
        flags: flagsOf(u32, "CompositeFlag", CompositeFlag),
        srcBitmap: pointer(Image),
        maskBitmap: when("flags", CompositeFlag.HAS_MASK, pointer(Image)),
        srcTransform: when("flags", CompositeFlag.HAS_SRC_TRANSFORM, Transform),
        maskTransform: when("flags", CompositeFlag.HAS_MASK_TRANSFORM, Transform),
        srcOrigin: Point16,
        maskOrigin: Point16,
      },
      "Porter-Duff and blend operators of X Render.",
      "SPICE_DISPLAY_CAP_COMPOSITE",
    ),
    message(
      "STREAM_ACTIVATE_REPORT",
      319,
      { streamId: u32, uniqueId: u32, maxWindowSize: u32, timeoutMs: u32 },
      "Report on this stream every `maxWindowSize` frames or `timeoutMs`.",
      "SPICE_DISPLAY_CAP_STREAM_REPORT",
    ),
    message(
      "GL_SCANOUT_UNIX",
      320,
      {
        drmDmaBufFd: fileDescriptor,
        width: u32,
        height: u32,
        stride: u32,
        drmFourccFormat: u32,
        flags: flagsOf(u32, "GlScanoutFlag", GlScanoutFlag),
      },
      "A DMA buffer to show; unix sockets only.",
      "SPICE_DISPLAY_CAP_GL_SCANOUT",
    ),
    message(
      "GL_DRAW",
      321,
      { x: u32, y: u32, w: u32, h: u32 },
      "Part of the DMA buffer changed; answered by GL_DRAW_DONE.",
      "SPICE_DISPLAY_CAP_GL_SCANOUT",
    ),
    message(
      "QUALITY_INDICATOR",
      322,
      { data: bytes({ rest: true }) },
      "Quality of a streaming device's picture.",
    ),
  ],
  client: [
    ...baseClient,
    message(
      "INIT",
      101,
      {
        pixmapCacheId: u8,
        pixmapCacheSize: unit(i64, "pixels"),
        glzDictionaryId: u8,
        glzDictionaryWindowSize: unit(i32, "pixels"),
      },
      "First message on a new display channel; the server sends nothing before it. " +
        "Not sent to the target of a seamless migration.",
    ),
    message(
      "STREAM_REPORT",
      102,
      {
        streamId: u32,
        uniqueId: u32,
        startFrameMmTime: u32,
        endFrameMmTime: u32,
        numFrames: u32,
        numDrops: u32,
        lastFrameDelay: i32,
        audioDelay: u32,
      },
      "How frames arrived. numFrames 0 with numDrops 0xffffffff: this stream cannot be decoded.",
      "SPICE_DISPLAY_CAP_STREAM_REPORT",
    ),
    message(
      "PREFERRED_COMPRESSION",
      103,
      { imageCompression: enumOf(u8, "ImageCompression", ImageCompression) },
      "How images should be compressed.",
      "SPICE_DISPLAY_CAP_PREF_COMPRESSION",
    ),
    message("GL_DRAW_DONE", 104, {}, "Answers GL_DRAW.", "SPICE_DISPLAY_CAP_GL_SCANOUT"),
    message(
      "PREFERRED_VIDEO_CODEC_TYPE",
      105,
      {
        numOfCodecs: count(u8, "codecs"),
        codecs: list(openEnumOf(u8, "VideoCodecType", VideoCodecType), { count: "numOfCodecs" }),
      },
      "Video codecs, best first.",
      "SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE",
    ),
  ],
});
