// The Throughline client: sessions over one WebSocket, resumed exactly, with an outbox that survives a reload.

export { backoff } from './backoff.js';
export { Client, connect } from './client.js';
export { ThroughlineError } from './errors.js';
export { mint } from './ids.js';
export { Session } from './session.js';
export {
  activeRuns, apply, branchOf, emptyState, find, findPart, followedInputs, fromSnapshot, isFollowedRun, pendingCommands, queuedInputs,
  standingMessages,
} from './state.js';
export { memoryStorage } from './surroundings.js';
export { byteLength, clip, dropBytes } from './text.js';
