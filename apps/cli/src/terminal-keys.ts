// What somebody types on a terminal that belongs to a port: everything goes to the port, Ctrl-C
// included, but for one key that tells this program something.

export type TerminalAction =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "leave" }
  | { readonly kind: "break" };

/** Ctrl-], as virsh and telnet have it. */
const escapeKey = 0x1d;
const [letterQ, letterB] = [0x71, 0x62];

export class TerminalKeys {
  static readonly help = "Ctrl-] q leaves, Ctrl-] b sends a break, Ctrl-] twice sends Ctrl-]";
  #isEscaped = false;

  /** In order. A letter that means nothing is passed over. */
  take(bytes: Uint8Array): TerminalAction[] {
    const actions: TerminalAction[] = [];
    let plain: number[] = [];
    const flush = () => {
      if (plain.length > 0) actions.push({ kind: "bytes", bytes: Uint8Array.from(plain) });
      plain = [];
    };
    for (const byte of bytes) {
      if (!this.#isEscaped) {
        if (byte === escapeKey) this.#isEscaped = true;
        else plain.push(byte);
        continue;
      }
      this.#isEscaped = false;
      if (byte === escapeKey) plain.push(byte);
      if (byte !== letterQ && byte !== letterB) continue;
      flush();
      actions.push({ kind: byte === letterQ ? "leave" : "break" });
    }
    flush();
    return actions;
  }
}
