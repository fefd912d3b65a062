// worker-reviews.log: Celery through python-json-logger's JsonFormatter(timestamp=True) with the task's id and name as fields.
// Celery's own lines carry their arguments in `data`; those of the main process know no task.

import { TASK } from "../sim/reviews.mjs";
import { dumps, float } from "./python.mjs";

export function celery(entry) {
  const { level, logger, process, taskId, data, extra, exception } = entry;
  const message = data?.runtime ? entry.message.replace(/in [0-9.e-]+s:/, `in ${float(data.runtime.float)}s:`) : entry.message;
  return dumps({
    levelname: level,
    name: logger,
    processName: process,
    task_id: taskId,
    task_name: taskId && TASK,
    message,
    ...(exception ? { exc_info: exception } : {}),
    ...(data ? { data } : {}),
    ...extra,
    timestamp: { instant: entry.at },
  });
}
