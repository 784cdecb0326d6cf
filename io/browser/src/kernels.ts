// Instantiates the WebAssembly kernels that core carries as bytes, where the page allows it: under
// a strict content security policy it does not, and the plain decoders serve.

import {
  createQuicKernel,
  type QuicKernel,
  type QuicKernelExports,
  quicKernelBytes,
} from "@caraway/codecs";

/** The fast decoders that are to be had; null where the plain ones must serve. */
export interface Kernels {
  readonly quic: QuicKernel | null;
}

/** Never rejects. One set per thread is enough; an instance keeps the memory it has taken. */
export async function loadKernels(): Promise<Kernels> {
  try {
    // The promise rather than the constructors: on a page's own thread some browsers compile
    // nothing larger than 4 KiB in place.
    const { instance } = await WebAssembly.instantiate(quicKernelBytes);
    return { quic: createQuicKernel(instance.exports as unknown as QuicKernelExports) };
  } catch {
    return { quic: null };
  }
}
