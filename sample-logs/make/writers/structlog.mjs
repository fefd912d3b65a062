// api.log: structlog with merge_contextvars, add_log_level, TimeStamper(fmt="iso", utc=True) and JSONRenderer, so an event's own
// fields stand first, then the event, then the context. Standard output of the server is in the same file, as text.

import { dumps, iso } from "./python.mjs";

export function structlog(entry) {
  if (entry.text !== undefined) return entry.text;
  return dumps({ ...entry.fields, event: entry.event, ...entry.context, level: entry.level, timestamp: stamp(entry.at) });
}

/** TimeStamper formats with %f: six digits always. */
function stamp(us) {
  return us % 1_000_000 ? iso(us, "Z") : `${iso(us, "")}.000000Z`;
}
