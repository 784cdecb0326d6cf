// Instantiates the WebAssembly kernels that core carries as bytes, where the page allows it: under
// a strict content security policy it does not, and the plain decoders serve.

import {
  type CanvasPixelsExports,
  canvasPixelsKernelBytes,
  createQuicKernel,
  kernelCanvasPixels,
  type QuicKernel,
  type QuicKernelExports,
  quicKernelBytes,
  type ToCanvasPixels,
} from "@caraway/codecs";

/** What is to be had of them; null where the plain way must serve. */
export interface Kernels {
  readonly quic: QuicKernel | null;
  readonly canvasPixels: ToCanvasPixels | null;
}

/** Never rejects. One set per thread is enough; an instance keeps the memory it has taken. */
export async function loadKernels(): Promise<Kernels> {
  const [quic, canvasPixels] = await Promise.all([
    exportsOf<QuicKernelExports>(quicKernelBytes),
    exportsOf<CanvasPixelsExports>(canvasPixelsKernelBytes),
  ]);
  return {
    quic: quic === null ? null : createQuicKernel(quic),
    canvasPixels: canvasPixels === null ? null : kernelCanvasPixels(canvasPixels),
  };
}

async function exportsOf<T>(bytes: Uint8Array<ArrayBuffer>): Promise<T | null> {
  try {
    // The promise rather than the constructors: on a page's own thread some browsers compile
    // nothing larger than 4 KiB in place.
    const { instance } = await WebAssembly.instantiate(bytes);
    return instance.exports as unknown as T;
  } catch {
    return null;
  }
}
