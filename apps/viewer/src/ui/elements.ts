// Makes elements in few words, without anything that a strict content security policy forbids.

export interface Parts {
  readonly className?: string;
  readonly text?: string;
  readonly title?: string;
  readonly part?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: (event: MouseEvent) => void;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  parts: Parts = {},
  children: readonly (Node | null)[] = [],
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (parts.className !== undefined) element.className = parts.className;
  if (parts.text !== undefined) element.textContent = parts.text;
  if (parts.title !== undefined) element.title = parts.title;
  if (parts.part !== undefined) element.part.add(parts.part);
  for (const [key, value] of Object.entries(parts.attributes ?? {})) {
    element.setAttribute(key, value);
  }
  const { onClick } = parts;
  if (onClick !== undefined) {
    element.addEventListener("click", (event) => onClick(event as MouseEvent));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

export function button(
  label: string,
  onClick: () => void,
  className = "button",
): HTMLButtonElement {
  return make("button", { className, text: label, attributes: { type: "button" }, onClick });
}

/** A picture of 24 by 24 units, drawn as lines in the colour of the text. */
export function icon(path: string): SVGSVGElement {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(name, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
