// The ways in which a message can be meant. No document here.

import { activeRuns } from '../client/throughline.js';
import { FOLLOW_UPS } from './policies.js';

const ASK = { value: 'ask', label: 'Ask the agents' };
const SPEAK = [
  { value: 'say', label: 'Say to everyone', says: true },
  { value: 'agents', label: 'Whisper to agents', says: true, audience: 'agents' },
  { value: 'operators', label: 'Whisper to operators', says: true, audience: 'operators' },
];

const NOTHING = [];
const OFFER = [ASK, ...SPEAK];

/** What somebody may choose between now; the first is meant when nothing is chosen. Fewer than two: there is nothing to choose. */
export function mannersOf(state, { role }) {
  if (role === 'observer' || !state.session) return NOTHING;
  if (role === 'operator') return state.baton ? SPEAK : OFFER;
  return activeRuns(state).length && !state.baton ? followUps(state.session.policies?.followUp) : NOTHING;
}

const known = new Map();

/** The follow-up policies, the session's own first. The same array each time, so that it is told from another. */
function followUps(usual = 'queue') {
  if (!known.has(usual)) {
    const others = Object.keys(FOLLOW_UPS).filter((value) => value !== usual);
    known.set(usual, [{ value: usual, label: FOLLOW_UPS[usual] ?? usual },
      ...others.map((value) => ({ value, label: FOLLOW_UPS[value], followUp: value }))]);
  }
  return known.get(usual);
}
