// Instantiates the WebAssembly kernels that core carries as bytes.

import {
  createQuicKernel,
  type QuicKernel,
  type QuicKernelExports,
  quicKernelBytes,
} from "@caraway/codecs";

// The part of WebAssembly in use: Node's types leave it to the DOM's.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** The fast decoders. An instance decodes one image at a time and keeps the memory it has taken. */
export interface Kernels {
  readonly quic: QuicKernel;
}

/** Makes new instances, which takes about a millisecond: one set per thread is enough. */
export function loadKernels(): Kernels {
  return { quic: createQuicKernel(instantiate<QuicKernelExports>(quicKernelBytes)) };
}

function instantiate<Exports>(bytes: Uint8Array<ArrayBuffer>): Exports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return instance.exports as Exports;
}
