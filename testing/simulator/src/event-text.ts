// An event in one short line, for traces.

export function eventText(event: { readonly name: string }): string {
  const { name, ...fields } = event as { readonly name: string; readonly [key: string]: unknown };
  const words = Object.entries(fields).map(([key, value]) => `${key}=${valueText(value)}`);
  return [name, ...words].join(" ");
}

function valueText(value: unknown): string {
  if (value instanceof Error) {
    const { code } = value as { readonly code?: unknown };
    return `${typeof code === "string" ? `${code} ` : ""}(${value.message})`;
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "object" && value !== null) {
    return JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner === "bigint") return `${inner}`;
      return inner instanceof Uint8Array ? `${inner.length} bytes` : inner;
    });
  }
  return String(value);
}
