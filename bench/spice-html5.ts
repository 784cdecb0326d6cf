// Loads parts of Debian's spice-html5 into this process, from where the package installed them.

import { readFileSync } from "node:fs";

const folder = "/usr/share/spice-html5/";

export const spiceHtml5 = "spice-html5 (Debian)";

/** Its QUIC decoder: the bytes B, G, R, A of an image, or undefined where it fails. */
export async function loadHtml5Quic(): Promise<(data: Uint8Array) => Uint8Array | undefined> {
  const { SpiceQuic } = (await importFile("quic.js")) as { SpiceQuic: new () => Html5Quic };
  return (data) => {
    // It wants a view of the message, and the image behind a length field.
    const message = new ArrayBuffer(4 + data.length);
    new Uint8Array(message, 4).set(data);
    const view = new DataView(message);
    view.setUint32(0, data.length, true);
    const image = new SpiceQuic();
    image.from_dv(view, 0, message);
    return image.outptr;
  };
}

interface Html5Quic {
  outptr?: Uint8Array;
  from_dv(view: DataView, at: number, message: ArrayBuffer): number;
}

/** Its LZ decoder for RGB32 and RGBA: the bytes R, G, B, A of an image. */
export async function loadHtml5Lz(): Promise<(data: Uint8Array) => Uint8ClampedArray> {
  const { convert_spice_lz_to_web: convert } = (await importFile("lz.js")) as {
    convert_spice_lz_to_web(context: object, image: Html5LzImage): { data: Uint8ClampedArray };
  };
  const context = {
    createImageData: (width: number, height: number) => ({
      ...{ width, height },
      data: new Uint8ClampedArray(width * height * 4),
    }),
  };
  return (data) => {
    // Its caller has read the header and hands in a buffer with the tokens.
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const image = {
      type: view.getUint32(8),
      width: view.getUint32(12),
      height: view.getUint32(16),
      top_down: view.getUint32(24),
      data: data.slice(28).buffer,
    };
    return convert(context, image).data;
  };
}

interface Html5LzImage {
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly top_down: number;
  readonly data: ArrayBuffer;
}

/**
 * Node takes files there for CommonJS, since no package.json says otherwise: hence URLs of their
 * text, also for what they import.
 */
async function importFile(name: string): Promise<unknown> {
  return import(readAsUrl(name));
}

function readAsUrl(name: string): string {
  let source: string;
  try {
    source = readFileSync(folder + name, "utf8");
  } catch (cause) {
    throw new Error(`${folder}${name} is not there: apt-get install spice-html5`, { cause });
  }
  const text = source.replace(
    /from '\.\/([\w-]+\.js)'/g,
    (_, other) => `from '${readAsUrl(other)}'`,
  );
  return `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
}
