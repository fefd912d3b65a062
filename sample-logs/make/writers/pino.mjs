// worker-render.log: pino's default line, with the shifted clock of its host.

import { SKEW } from "../sim/world.mjs";

export function pino(entry) {
  const time = Math.floor((entry.at + SKEW.render) / 1000);
  return JSON.stringify({ level: entry.level, time, pid: 23, hostname: "render-1", name: "briefly-render", ...entry.fields, msg: entry.msg });
}
