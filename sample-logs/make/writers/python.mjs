// JSON as Python's json.dumps writes it by default: ", " and ": " between, everything beyond ASCII escaped, floats with a point.
//
// A number is an integer unless wrapped as { float: x }; a time is { instant: µs }, written as datetime.isoformat() with +00:00.

export function dumps(value) {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return text(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if ("float" in value) return float(value.float);
  if ("instant" in value) return text(iso(value.instant, "+00:00"));
  return `{${Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .map(([k, v]) => `${text(k)}: ${dumps(v)}`)
    .join(", ")}}`;
}

function text(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** repr(float): the shortest digits, an exponent below 1e-4, never without a point or an exponent. */
export function float(x) {
  const size = Math.abs(x);
  if (size !== 0 && size < 1e-4) {
    const [digits, exponent] = x.toExponential().split("e-");
    return `${digits}e-${exponent.padStart(2, "0")}`;
  }
  return Number.isInteger(x) ? `${x}.0` : String(x);
}

/** `2026-11-18T14:05:00.412000` and a zone; microseconds are left out when they are zero, as isoformat() does. */
export function iso(us, zone) {
  const micros = us % 1_000_000,
    seconds = new Date((us - micros) / 1000).toISOString().slice(0, 19);
  return `${seconds}${micros ? `.${String(micros).padStart(6, "0")}` : ""}${zone}`;
}
