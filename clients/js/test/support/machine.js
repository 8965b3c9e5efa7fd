// A clock, a network and a browser that do what the test says, and nothing by themselves.

/** Timers that run when the test advances the time. */
export class FakeClock {
  #time = 1_000_000;
  #timers = new Map();
  #lastTimer = 0;

  now = () => this.#time;

  setTimeout = (callback, milliseconds) => {
    this.#timers.set(++this.#lastTimer, { at: this.#time + milliseconds, callback });
    return this.#lastTimer;
  };

  clearTimeout = (timer) => { this.#timers.delete(timer); };

  /** Advances by `milliseconds`, running what falls due in order, and lets promises settle in between. */
  async advance(milliseconds) {
    const end = this.#time + milliseconds;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#time = Math.max(this.#time, due[1].at);
      due[1].callback();
      await settle();
    }
    this.#time = end;
  }
}

/** Lets every promise that can go on go on. */
export async function settle() {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => { setImmediate(resolve); });
}

/** A browser's window, to be told that it is offline, hidden, or back. */
export class FakeSurroundings {
  online = true;
  hidden = false;
  #listeners = null;

  isOnline = () => this.online;
  isHidden = () => this.hidden;
  watch = (listeners) => {
    this.#listeners = listeners;
    return () => { this.#listeners = null; };
  };

  wake() { this.#listeners?.wake(); }
  doubt() { this.#listeners?.doubt(); }
  leave() { this.#listeners?.leave(); }
}

/** Random numbers that repeat for a seed. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
