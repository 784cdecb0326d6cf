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

/** Node takes files there for CommonJS, since no package.json says otherwise: hence the URL. */
async function importFile(name: string): Promise<unknown> {
  let source: Buffer;
  try {
    source = readFileSync(folder + name);
  } catch (cause) {
    throw new Error(`${folder}${name} is not there: apt-get install spice-html5`, { cause });
  }
  return import(`data:text/javascript;base64,${source.toString("base64")}`);
}
