// A session's policies, in words. No document here.

/** What a new message does while an agent is at work. */
export const FOLLOW_UPS = {
  queue: 'Waits for its turn', steer: 'Tell it now', interrupt: 'Stop, and this instead', merge: 'Together with those that wait',
  latest: 'Instead of those that wait', concurrent: 'At the same time', reject: 'Only if nobody is at work',
};

const MINUTE = 60_000;
const AFTER = [MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];

/** What may become of agents that nobody watches any more: `{value, label}`. `policy` is the one in force, which may be another. */
export function orphanChoices(policy) {
  const times = policy && !AFTER.includes(policy.after) ? [...AFTER, policy.after].sort((a, b) => a - b) : AFTER;
  return [{ value: '', label: 'Agents go on' }, ...times.map((after) => ({ value: String(after), label: `Agents stop after ${duration(after)}` }))];
}

/** The policy that a choice stands for, as the protocol has it. */
export function orphanPolicy(value) {
  return value ? { then: 'cancel', after: Number(value) } : { then: 'continue' };
}

function duration(milliseconds) {
  const [unit, size] = [['hour', 60 * MINUTE], ['minute', MINUTE], ['second', 1000]].find(([, size]) => milliseconds % size === 0) ?? ['second', 1000];
  const number = milliseconds / size;
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}
