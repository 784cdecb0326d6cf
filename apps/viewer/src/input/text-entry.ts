// The element that has the keyboard's focus: a text field that nobody sees, because browsers give
// input methods and on-screen keyboards to text fields only. Keys go to the keyboard as keys;
// what comes as text, composed or dictated or from a phone, goes on as text.

export interface TextEntryListener {
  keyDown(event: KeyboardEvent): boolean;
  keyUp(event: KeyboardEvent): boolean;
  /** Text that was entered. */
  text(text: string): void;
  /** A key that an on-screen keyboard has, but not as a key. */
  tap(code: string, times: number): void;
  focused(has: boolean): void;
}

/** Something for a phone's Backspace to delete, which otherwise would do nothing. */
const filler = "\u00a0".repeat(32);

export class TextEntry {
  readonly element: HTMLTextAreaElement;
  readonly #listener: TextEntryListener;
  /** Whether a phone's keyboard is wanted: its compositions are sent while they grow. */
  #onScreen = false;
  #composing = false;
  /** What of a composition was sent. */
  #sent = "";

  constructor(owner: Document, label: string, listener: TextEntryListener) {
    this.#listener = listener;
    const field = owner.createElement("textarea");
    field.className = "keys";
    field.setAttribute("aria-label", label);
    field.setAttribute("autocapitalize", "off");
    field.setAttribute("autocomplete", "off");
    field.setAttribute("autocorrect", "off");
    field.spellcheck = false;
    field.inputMode = "none";
    field.addEventListener("keydown", (event) => {
      if (listener.keyDown(event)) event.preventDefault();
    });
    field.addEventListener("keyup", (event) => {
      if (listener.keyUp(event)) event.preventDefault();
    });
    field.addEventListener("beforeinput", (event) => this.#beforeInput(event));
    field.addEventListener("input", () => this.#input());
    field.addEventListener("compositionstart", () => {
      this.#composing = true;
      this.#sent = "";
    });
    field.addEventListener("compositionupdate", (event) => {
      if (this.#onScreen) this.#follow(event.data);
    });
    field.addEventListener("compositionend", (event) => this.#composed(event.data));
    field.addEventListener("focus", () => listener.focused(true));
    field.addEventListener("blur", () => {
      delete field.dataset["quiet"];
      this.#composing = false;
      listener.focused(false);
    });
    this.element = field;
  }

  /** For somebody who sees the desktop react; who comes by the Tab key is shown where it went. */
  focus(): void {
    this.element.dataset["quiet"] = "true";
    this.element.focus({ preventScroll: true });
  }

  /** Shows or hides the keyboard of a phone or tablet. */
  set onScreenKeyboard(wanted: boolean) {
    this.#onScreen = wanted;
    this.element.inputMode = wanted ? "text" : "none";
    this.#reset();
    // A keyboard follows the focus: it comes and goes when that moves.
    this.element.blur();
    if (wanted) this.focus();
  }

  get onScreenKeyboard(): boolean {
    return this.#onScreen;
  }

  #beforeInput(event: InputEvent): void {
    if (this.#composing || event.isComposing) return;
    switch (event.inputType) {
      case "insertText":
      case "insertReplacementText":
      case "insertFromPaste":
      case "insertFromDrop": {
        const text = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
        event.preventDefault();
        if (text !== "") this.#listener.text(text);
        break;
      }
      case "insertLineBreak":
      case "insertParagraph":
        event.preventDefault();
        this.#listener.tap("Enter", 1);
        break;
      case "deleteContentBackward":
        event.preventDefault();
        this.#listener.tap("Backspace", 1);
        break;
      case "deleteContentForward":
        event.preventDefault();
        this.#listener.tap("Delete", 1);
        break;
      default:
        break;
    }
  }

  /** Something changed that could not be prevented. */
  #input(): void {
    if (!this.#composing) this.#reset();
  }

  #composed(text: string): void {
    this.#composing = false;
    if (this.#onScreen) this.#follow(text);
    else if (text !== "") this.#listener.text(text);
    this.#sent = "";
    this.#reset();
  }

  /** Makes what was sent of a composition the same as what it is now. */
  #follow(text: string): void {
    const [before, now] = [[...this.#sent], [...text]];
    let same = 0;
    while (same < before.length && before[same] === now[same]) same++;
    if (before.length > same) this.#listener.tap("Backspace", before.length - same);
    const added = now.slice(same).join("");
    if (added !== "") this.#listener.text(added);
    this.#sent = text;
  }

  #reset(): void {
    this.element.value = this.#onScreen ? filler : "";
    this.element.setSelectionRange(this.element.value.length, this.element.value.length);
  }
}
