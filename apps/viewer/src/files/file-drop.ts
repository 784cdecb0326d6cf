// Files that are dragged onto the viewer and dropped there.

import { make } from "../ui/elements.ts";

export class FileDrop {
  /** Says what dropping would do, while files are over the viewer. */
  readonly hint: HTMLElement;
  /** Whether files are welcome now. */
  isOpen = false;
  readonly #element: HTMLElement;
  readonly #dropped: (files: readonly File[]) => void;
  /** Elements that the pointer has entered and not left. */
  #depth = 0;

  constructor(element: HTMLElement, dropped: (files: readonly File[]) => void) {
    this.#element = element;
    this.#dropped = dropped;
    this.hint = make("div", { className: "drop-hint", part: "drop-hint" });
    this.hint.hidden = true;
    element.addEventListener("dragenter", (event) => this.#over(event, 1));
    element.addEventListener("dragover", (event) => this.#over(event, 0));
    element.addEventListener("dragleave", () => this.#left());
    element.addEventListener("drop", (event) => this.#drop(event));
  }

  set words(text: string) {
    this.hint.textContent = text;
  }

  #over(event: DragEvent, entered: number): void {
    if (!hasFiles(event)) return;
    // Without this the browser would open the file in place of the page.
    event.preventDefault();
    this.#depth += entered;
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = this.isOpen ? "copy" : "none";
    this.hint.hidden = !this.isOpen;
  }

  #left(): void {
    this.#depth = Math.max(0, this.#depth - 1);
    if (this.#depth === 0) this.hint.hidden = true;
  }

  #drop(event: DragEvent): void {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#depth = 0;
    this.hint.hidden = true;
    if (!this.isOpen) return;
    const files = [...(event.dataTransfer?.items ?? [])]
      // A folder is a file of no use.
      .filter((item) => item.kind === "file" && item.webkitGetAsEntry?.()?.isDirectory !== true)
      .map((item) => item.getAsFile())
      .filter((file) => file !== null);
    if (files.length > 0) this.#dropped(files);
    this.#element.focus();
  }
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") === true;
}
