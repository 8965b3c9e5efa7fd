/**
 * Exponential backoff with full jitter: attempt n waits anything from `floor` to `base * 2^n`, at most `cap` milliseconds.
 * Full jitter keeps a thousand clients of a restarted server from coming back in step.
 */
export function backoff(attempt, { random = Math.random, base = 500, cap = 15_000, floor = 0 } = {}) {
  const ceiling = Math.min(cap, base * 2 ** Math.min(attempt, 30));
  return Math.round(floor + random() * Math.max(0, ceiling - floor));
}
