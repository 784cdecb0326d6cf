// `<spice-viewer>` as a component of React: its properties are props, its events are handlers, and a
// ref gives the element itself with all its methods.

import type {
  SpiceViewer as SpiceViewerElement,
  SpiceViewerEvent,
  SpiceViewerEvents,
} from "@caraway/viewer";
import "@caraway/viewer";
import { type CSSProperties, createElement, type ReactElement, type Ref } from "react";

/** What each prop is where it is not given. */
const defaults = {
  url: "",
  token: null,
  autoconnect: false,
  scaling: "fit",
  viewOnly: false,
  highDpi: false,
  controls: false,
  muted: false,
  volume: 1,
  qualityLevel: null,
  reconnect: true,
  touchMode: "direct",
  unicodeEntry: "none",
  dragViewport: false,
  focusOnClick: true,
  connector: null,
  credentials: null,
  lang: "",
} satisfies Partial<SpiceViewerElement>;

type Properties = Pick<SpiceViewerElement, keyof typeof defaults>;

/** `onConnect`, `onStatechange`, …: the element's events with a capital letter. */
type Handlers = {
  readonly [K in keyof SpiceViewerEvents as `on${Capitalize<K>}`]?: (
    event: SpiceViewerEvent<K>,
  ) => void;
};

export interface SpiceViewerProps extends Partial<Properties>, Handlers {
  readonly ref?: Ref<SpiceViewerElement>;
  readonly className?: string;
  readonly style?: CSSProperties;
}

/** React sets properties of custom elements, and takes `onname` for a listener of `name`. */
export function SpiceViewer({ className, ...props }: SpiceViewerProps): ReactElement {
  const given = Object.entries({ ...defaults, ...props }).map(([name, value]) => [
    /^on[A-Z]/.test(name) ? name.toLowerCase() : name,
    value,
  ]);
  return createElement("spice-viewer", { ...Object.fromEntries(given), class: className });
}
