// A page with one desktop: where it is comes from the page's address, what it does is said above it.

import type { SpiceViewer as SpiceViewerElement, ViewerState } from "@caraway/viewer";
import { type ReactElement, useRef, useState } from "react";
import { SpiceViewer } from "./spice-viewer.tsx";

const frame = { display: "block", width: "100%", height: "80vh" } as const;

/** `url` is that of a server's WebSocket, or of a gateway where there is a token. */
export function App({ url, token }: { url: string; token: string | null }): ReactElement {
  const viewer = useRef<SpiceViewerElement>(null);
  const [state, setState] = useState<ViewerState>({ kind: "idle" });
  const [moves, setMoves] = useState(0);
  const [isShown, show] = useState(true);
  return (
    <>
      <p>
        <output>{state.kind}</output>, {moves} moves{" "}
        <button type="button" onClick={() => viewer.current?.sendCtrlAltDel()}>
          Ctrl-Alt-Del
        </button>{" "}
        <button type="button" onClick={() => show(!isShown)}>
          {isShown ? "Close" : "Open"}
        </button>
      </p>
      {isShown && (
        <SpiceViewer
          ref={viewer}
          url={url}
          token={token}
          autoconnect
          controls
          style={frame}
          onStatechange={({ detail }) => setState(detail.state)}
          onMigration={() => setMoves(viewer.current?.migrations.length ?? 0)}
        />
      )}
    </>
  );
}
