// Where the simulated programs say what they would log: one list a log, in true time, put in order at the end.
//
// An entry is what the program hands to its logger (level, message, fields); how a line looks is the writers' business.

export class Journal {
  constructor() {
    this.logs = { edge: [], api: [], reviews: [], index: [], render: [], gateway: [] };
    this.sequence = 0;
  }

  /** Adds an entry to a log at a true time. */
  say(log, at, entry) {
    this.logs[log].push({ at: Math.round(at), sequence: this.sequence++, ...entry });
  }

  /** Entries of a log in the order they were written. */
  ordered(log) {
    return [...this.logs[log]].sort((x, y) => x.at - y.at || x.sequence - y.sequence);
  }
}
