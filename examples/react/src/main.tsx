// The page's entry: `?url=ws://host:port`, or `?url=https://gateway/&token=…`.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const query = new URLSearchParams(location.search);
createRoot(document.querySelector("#root") as HTMLElement).render(
  <StrictMode>
    <App url={query.get("url") ?? ""} token={query.get("token")} />
  </StrictMode>,
);
