// worker-index.log: Dramatiq through python-json-logger with asctime: local time of the container, comma, milliseconds, no zone.

import { INDEX_ZONE_US, SKEW } from "../sim/world.mjs";
import { dumps } from "./python.mjs";

export function dramatiq(entry) {
  const { level, logger, thread, messageId, actor, message, extra } = entry;
  return dumps({ asctime: asctime(entry.at + SKEW.index), severity: level, logger, threadName: thread, message_id: messageId, actor, message, ...extra });
}

function asctime(us) {
  return new Date(Math.floor((us + INDEX_ZONE_US) / 1000)).toISOString().replace("T", " ").replace(".", ",").slice(0, 23);
}
