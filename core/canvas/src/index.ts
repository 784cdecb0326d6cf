export {
  areaOf,
  type Box,
  boxAround,
  contains,
  intersection,
  isEmptyBox,
  overlap,
} from "./box.ts";
export { CanvasError, type CanvasFault } from "./canvas-error.ts";
export { ChangedBoxes } from "./changed-boxes.ts";
export {
  type DecodeJob,
  type DecodeOutcome,
  type DecodeResult,
  type Decoders,
  type JpegDecoder,
  plainDecoders,
  runDecodeJob,
  type VideoDecoder,
} from "./decode-job.ts";
export { drawDirectly } from "./direct-draw.ts";
export type { DrawMessage } from "./draw.ts";
export type { WireImage } from "./loaded-image.ts";
export type { PixelFormat, Pixmap } from "./pixmap.ts";
export { defaultRendererOptions, Renderer } from "./renderer.ts";
export type {
  DisplayMessage,
  RendererOptions,
  RenderInput,
  RenderOutput,
} from "./renderer-output.ts";
export { createSurface, maxSurfaceSide, readColors, type Surface } from "./surface.ts";
