// Instantiates the WebAssembly kernels that core carries as bytes.

import {
  createLz4Kernel,
  createQuicEncodeKernel,
  createQuicKernel,
  type Lz4Kernel,
  type Lz4KernelExports,
  lz4KernelBytes,
  type QuicEncodeKernel,
  type QuicEncodeKernelExports,
  type QuicKernel,
  type QuicKernelExports,
  quicEncodeKernelBytes,
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

/** The fast encoders, of which the same holds. */
export interface EncoderKernels {
  readonly quic: QuicEncodeKernel;
  readonly lz4: Lz4Kernel;
}

/** Makes new instances, which takes about a millisecond: one set per thread is enough. */
export function loadKernels(): Kernels {
  return { quic: createQuicKernel(instantiate<QuicKernelExports>(quicKernelBytes)) };
}

let encoders: EncoderKernels | undefined;

/** One set for all servers of the thread, made when it is first needed. */
export function encoderKernels(): EncoderKernels {
  encoders ??= {
    quic: createQuicEncodeKernel(instantiate<QuicEncodeKernelExports>(quicEncodeKernelBytes)),
    lz4: createLz4Kernel(instantiate<Lz4KernelExports>(lz4KernelBytes)),
  };
  return encoders;
}

function instantiate<Exports>(bytes: Uint8Array<ArrayBuffer>): Exports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return instance.exports as Exports;
}
