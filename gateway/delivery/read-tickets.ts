/**
 * Read tickets: how many reads of the log one gateway has under way, so that a mass resume asks the bus in turn.
 *
 * First come, first served. `delivery.ts` takes one per catching-up subscription.
 */

export interface Ticket {
  giveBack(): void;
}

export interface ReadTickets {
  take(): Promise<Ticket>;
  readonly waiting: number;
}

export function createReadTickets(ticketsMax: number): ReadTickets {
  const queue: (() => void)[] = [];
  let head = 0;
  let out = 0;

  function giveBack(): void {
    const next = queue[head];
    if (next === undefined) {
      out -= 1;
      return;
    }
    queue[head++] = done;
    if (head > 1_024 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
    next();
  }

  return {
    take() {
      if (out < ticketsMax) {
        out += 1;
        return Promise.resolve({ giveBack });
      }
      return new Promise((resolve) => queue.push(() => resolve({ giveBack })));
    },
    get waiting() {
      return queue.length - head;
    },
  };
}

function done(): void {
  // Stands in the queue for a ticket already given, so that it holds nothing alive.
}
