// Enumerations and flags that several channels share, under the names of the protocol's headers
// without their prefix. A test holds every value against those headers.

/** `SPICE_CHANNEL_*`. */
export const ChannelType = {
  MAIN: 1,
  DISPLAY: 2,
  INPUTS: 3,
  CURSOR: 4,
  PLAYBACK: 5,
  RECORD: 6,
  /** Obsolete: no message was ever defined. */
  TUNNEL: 7,
  SMARTCARD: 8,
  USBREDIR: 9,
  PORT: 10,
  WEBDAV: 11,
} as const;
export type ChannelType = (typeof ChannelType)[keyof typeof ChannelType];

/** `SPICE_LINK_ERR_*`: 1-6 come in the link reply, 7-9 as link result. */
export const LinkError = {
  OK: 0,
  ERROR: 1,
  INVALID_MAGIC: 2,
  INVALID_DATA: 3,
  VERSION_MISMATCH: 4,
  NEED_SECURED: 5,
  NEED_UNSECURED: 6,
  PERMISSION_DENIED: 7,
  BAD_CONNECTION_ID: 8,
  CHANNEL_NOT_AVAILABLE: 9,
} as const;
export type LinkError = (typeof LinkError)[keyof typeof LinkError];

/** `SPICE_MOUSE_MODE_*`: a bit mask where modes are offered, one bit where one is meant. */
export const MouseMode = { SERVER: 1, CLIENT: 2 } as const;

/** `SPICE_MIGRATE_*`: flags of the common message MIGRATE. */
export const MigrateFlag = { NEED_FLUSH: 1, NEED_DATA_TRANSFER: 2 } as const;

/** `SPICE_NOTIFY_SEVERITY_*`. */
export const NotifySeverity = { INFO: 0, WARN: 1, ERROR: 2 } as const;

/** `SPICE_NOTIFY_VISIBILITY_*`. */
export const NotifyVisibility = { LOW: 0, MEDIUM: 1, HIGH: 2 } as const;

/** `SPICE_KEYBOARD_MODIFIER_FLAGS_*`: lock keys that are on. */
export const KeyboardModifier = { SCROLL_LOCK: 1, NUM_LOCK: 2, CAPS_LOCK: 4 } as const;

/** `SPICE_MOUSE_BUTTON_*`. */
export const MouseButton = {
  INVALID: 0,
  LEFT: 1,
  MIDDLE: 2,
  RIGHT: 3,
  UP: 4,
  DOWN: 5,
  SIDE: 6,
  EXTRA: 7,
} as const;

/** `SPICE_MOUSE_BUTTON_MASK_*`: buttons that are held. */
export const MouseButtonMask = {
  LEFT: 1,
  MIDDLE: 2,
  RIGHT: 4,
  UP: 8,
  DOWN: 16,
  SIDE: 32,
  EXTRA: 64,
} as const;

/** `SPICE_SURFACE_FMT_*`. */
export const SurfaceFormat = {
  "1_A": 1,
  "8_A": 8,
  "16_555": 16,
  "32_xRGB": 32,
  "16_565": 80,
  "32_ARGB": 96,
} as const;
export type SurfaceFormat = (typeof SurfaceFormat)[keyof typeof SurfaceFormat];

/** `SPICE_SURFACE_FLAGS_*`. */
export const SurfaceFlag = { PRIMARY: 1, STREAMING_MODE: 2 } as const;

/** `SPICE_CLIP_TYPE_*`. */
export const ClipType = { NONE: 0, RECTS: 1 } as const;

/** `SPICE_BRUSH_TYPE_*`. */
export const BrushType = { NONE: 0, SOLID: 1, PATTERN: 2 } as const;

/** `SPICE_MASK_FLAGS_*`. */
export const MaskFlag = { INVERS: 1 } as const;

/** `SPICE_ROPD_*`: what happens to source, brush and destination on their way together. */
export const RopDescriptor = {
  INVERS_SRC: 1,
  INVERS_BRUSH: 2,
  INVERS_DEST: 4,
  OP_PUT: 8,
  OP_OR: 16,
  OP_AND: 32,
  OP_XOR: 64,
  OP_BLACKNESS: 128,
  OP_WHITENESS: 256,
  OP_INVERS: 512,
  INVERS_RES: 1024,
} as const;

/** `SPICE_IMAGE_SCALE_MODE_*`. */
export const ScaleMode = { INTERPOLATE: 0, NEAREST: 1 } as const;

/** `SPICE_LINE_FLAGS_*`. */
export const LineFlag = { START_WITH_GAP: 4, STYLED: 8 } as const;

/** `SPICE_PATH_*`. */
export const PathFlag = { BEGIN: 1, END: 2, CLOSE: 8, BEZIER: 16 } as const;

/** `SPICE_STRING_FLAGS_*`: exactly one of the RASTER bits is set. */
export const StringFlag = {
  RASTER_A1: 1,
  RASTER_A4: 2,
  RASTER_A8: 4,
  RASTER_TOP_DOWN: 8,
} as const;

/** `SPICE_ALPHA_FLAGS_*`. */
export const AlphaFlag = { DEST_HAS_ALPHA: 1, SRC_SURFACE_HAS_ALPHA: 2 } as const;

/** `SPICE_COMPOSITE_*`: bits 0-7 operator, 8-10 and 11-13 filters, 14-15 and 16-17 repeats. */
export const CompositeFlag = {
  COMPONENT_ALPHA: 1 << 18,
  HAS_MASK: 1 << 19,
  HAS_SRC_TRANSFORM: 1 << 20,
  HAS_MASK_TRANSFORM: 1 << 21,
  SOURCE_OPAQUE: 1 << 22,
  MASK_OPAQUE: 1 << 23,
  DEST_OPAQUE: 1 << 24,
} as const;

/** `SPICE_RES_TYPE_*`. */
export const ResourceType = { PIXMAP: 1 } as const;

/** `SPICE_STREAM_FLAGS_*`. */
export const StreamFlag = { TOP_DOWN: 1 } as const;

/** `SPICE_GL_SCANOUT_FLAGS_*`. */
export const GlScanoutFlag = { Y0TOP: 1 } as const;

/** `SPICE_VIDEO_CODEC_TYPE_*`. */
export const VideoCodecType = { MJPEG: 1, VP8: 2, H264: 3, VP9: 4, H265: 5 } as const;
export type VideoCodecType = (typeof VideoCodecType)[keyof typeof VideoCodecType];

/** `SPICE_IMAGE_COMPRESSION_*`: what a client may prefer. */
export const ImageCompression = {
  OFF: 1,
  AUTO_GLZ: 2,
  AUTO_LZ: 3,
  QUIC: 4,
  GLZ: 5,
  LZ: 6,
  LZ4: 7,
} as const;
export type ImageCompression = (typeof ImageCompression)[keyof typeof ImageCompression];

/** `SPICE_IMAGE_TYPE_*`. */
export const ImageType = {
  BITMAP: 0,
  QUIC: 1,
  LZ_PLT: 100,
  LZ_RGB: 101,
  GLZ_RGB: 102,
  FROM_CACHE: 103,
  SURFACE: 104,
  JPEG: 105,
  FROM_CACHE_LOSSLESS: 106,
  ZLIB_GLZ_RGB: 107,
  JPEG_ALPHA: 108,
  LZ4: 109,
} as const;
export type ImageType = (typeof ImageType)[keyof typeof ImageType];

/** `SPICE_IMAGE_FLAGS_*`. */
export const ImageFlag = { CACHE_ME: 1, HIGH_BITS_SET: 2, CACHE_REPLACE_ME: 4 } as const;

/** `SPICE_BITMAP_FMT_*`. */
export const BitmapFormat = {
  "1BIT_LE": 1,
  "1BIT_BE": 2,
  "4BIT_LE": 3,
  "4BIT_BE": 4,
  "8BIT": 5,
  "16BIT": 6,
  "24BIT": 7,
  "32BIT": 8,
  RGBA: 9,
  "8BIT_A": 10,
} as const;
export type BitmapFormat = (typeof BitmapFormat)[keyof typeof BitmapFormat];

/** `SPICE_BITMAP_FLAGS_*`. */
export const BitmapFlag = { PAL_CACHE_ME: 1, PAL_FROM_CACHE: 2, TOP_DOWN: 4 } as const;

/** `SPICE_JPEG_ALPHA_FLAGS_*`. */
export const JpegAlphaFlag = { TOP_DOWN: 1 } as const;

/** `SPICE_CURSOR_TYPE_*`. */
export const CursorType = {
  ALPHA: 0,
  MONO: 1,
  COLOR4: 2,
  COLOR8: 3,
  COLOR16: 4,
  COLOR24: 5,
  COLOR32: 6,
} as const;

/** `SPICE_CURSOR_FLAGS_*`. */
export const CursorFlag = { NONE: 1, CACHE_ME: 2, FROM_CACHE: 4 } as const;

/** `SPICE_AUDIO_FMT_*`. */
export const AudioFormat = { S16: 1 } as const;

/** `SPICE_AUDIO_DATA_MODE_*`. */
export const AudioDataMode = { RAW: 1, CELT_0_5_1: 2, OPUS: 3 } as const;

/** `SPICE_PORT_EVENT_*`. */
export const PortEvent = { OPENED: 0, CLOSED: 1, BREAK: 2 } as const;

/** `SPICE_DATA_COMPRESSION_TYPE_*`. */
export const DataCompressionType = { NONE: 0, LZ4: 1 } as const;

/** `SPICE_INPUT_MOTION_ACK_BUNCH`: motions that one MOUSE_MOTION_ACK stands for. */
export const inputMotionAckBunch = 4;
