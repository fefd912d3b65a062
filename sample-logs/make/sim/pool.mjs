// A queue with a fixed number of workers: first ready, first served.
//
// `execute(task, start, slot)` runs one attempt and returns { end, again? }: `again` is a task that becomes ready later (a retry).
// Waiting times are nothing but the outcome of arrivals, service times and the number of slots.

/** A binary heap by `readyAt`, ties by arrival. */
class Ready {
  constructor() {
    this.items = [];
    this.count = 0;
  }

  push(task) {
    task.order = this.count++;
    this.items.push(task);
    this.items.sort((a, b) => a.readyAt - b.readyAt || a.order - b.order);
  }

  shift() {
    return this.items.shift();
  }
}

export function runPool({ slots, tasks, pickup, execute }) {
  const ready = new Ready();
  for (const task of tasks) ready.push(task);
  const free = Array.from({ length: slots }, () => 0);
  for (let task = ready.shift(); task; task = ready.shift()) {
    // Among slots that are free when the task is ready, the one idle longest; else the one that is free first.
    const slot = free.indexOf(Math.min(...free));
    const start = Math.max(task.readyAt, free[slot]) + pickup(task);
    const { end, again } = execute(task, start, slot);
    free[slot] = end;
    if (again) ready.push(again);
  }
}
