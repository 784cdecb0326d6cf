// The browser's clipboard, as far as the page may use it: reading needs the user's permission,
// writing a page that has the focus, and both a secure page.

export interface ClipboardContent {
  readonly text: string | null;
  /** A picture as PNG, which is what browsers take. */
  readonly png: Uint8Array<ArrayBuffer> | null;
}

export interface ClipboardAccess {
  /** Null when it may not be read now, or holds nothing that a guest could use. */
  read(): Promise<ClipboardContent | null>;
  /** False when it may not be written now. */
  write(content: ClipboardContent): Promise<boolean>;
  /** A picture of another format, as PNG; null when the browser cannot read it. */
  toPng(picture: Uint8Array, type: string): Promise<ClipboardContent["png"]>;
}

const pngType = "image/png";

export const browserClipboard: ClipboardAccess = {
  async read() {
    if (!(await mayRead())) return null;
    try {
      let text: string | null = null;
      let png: ClipboardContent["png"] = null;
      for (const item of await navigator.clipboard.read()) {
        if (item.types.includes("text/plain")) {
          text = await (await item.getType("text/plain")).text();
        }
        if (item.types.includes(pngType)) {
          png = new Uint8Array(await (await item.getType(pngType)).arrayBuffer());
        }
      }
      return text === null && png === null ? null : { text, png };
    } catch {
      return null;
    }
  },
  async write({ text, png }) {
    try {
      const parts: Record<string, Blob> = {};
      if (text !== null) parts["text/plain"] = new Blob([text], { type: "text/plain" });
      if (png !== null) parts[pngType] = new Blob([png], { type: pngType });
      await navigator.clipboard.write([new ClipboardItem(parts)]);
      return true;
    } catch {
      return false;
    }
  },
  async toPng(picture, type) {
    try {
      const bitmap = await createImageBitmap(new Blob([Uint8Array.from(picture)], { type }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      bitmap.close();
      const png = await canvas.convertToBlob({ type: pngType });
      return new Uint8Array(await png.arrayBuffer());
    } catch {
      return null;
    }
  },
};

/** Without permission that was given before, reading would put a question to the user each time. */
async function mayRead(): Promise<boolean> {
  if (!document.hasFocus() || navigator.clipboard?.read === undefined) return false;
  try {
    const name = "clipboard-read" as PermissionName;
    return (await navigator.permissions.query({ name })).state === "granted";
  } catch {
    return false;
  }
}
