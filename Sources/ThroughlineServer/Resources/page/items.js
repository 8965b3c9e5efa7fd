// What the conversation shows, and in which order. No document here.

import { branchOf, find, followedInputs, isFollowedRun, standingMessages } from '../client/throughline.js';

/**
 * The items of a conversation, oldest first: `{key, kind, ...}` with `kind` `input` (`input`), `entry` (`entry`: on its way),
 * `message` (`message`, `run`), `run` (`run`: one that has shown nothing), `request` (one that is settled), or `command` (a word to
 * an agent at work that is no input too, or that a person answers from now on).
 *
 * An input stands where its run began, so that each answer follows its question; those that nobody has taken yet stand last, in
 * the order in which they will be handed out.
 */
export function itemsOf(state, pending) {
  const followed = followedInputs(state);
  const isFollowed = (id) => isFollowedRun(state, followed, id && find(state, 'runs', id));
  const messages = standingMessages(state).filter((message) => isFollowed(message.run));
  const spoken = new Set(messages.map((message) => message.run));
  const items = [
    ...state.inputs.filter((input) => !followed || followed.has(input.id)).map((input) => ({
      key: `input ${input.id}`, kind: 'input', input, waiting: waitingOf(state, input),
      branch: branchOf(state, input.id), place: placeOf(state, input),
    })),
    ...messages.map((message) => ({
      key: `message ${message.id}`, kind: 'message', message, run: message.run && find(state, 'runs', message.run), place: [message.seq, 1],
    })),
    ...state.runs.filter((run) => !spoken.has(run.id) && !run.parent && isFollowed(run.id) && run.state !== 'completed')
      .map((run) => ({ key: `run ${run.id}`, kind: 'run', run, place: [run.seq, 2] })),
    ...state.requests.filter((request) => request.state !== 'open' && isFollowed(request.run))
      .map((request) => ({ key: `request ${request.id}`, kind: 'request', request, place: [request.seq, 3] })),
    ...state.commands.filter(isShown).map((command) => ({ key: `command ${command.id}`, kind: 'command', command, place: [command.seq, 3] })),
  ];
  items.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1]);
  return [...items, ...pending.map((entry) => ({ key: `input ${entry.id}`, kind: 'entry', entry }))];
}

/** A word to an agent that is no input too; or that a person answers from now on, or no longer. */
function isShown({ verb, state, parts, input }) {
  return ['takeover', 'handback'].includes(verb) ? state === 'applied' : parts?.length && !input;
}

function placeOf(state, input) {
  if (input.state === 'queued') return [Infinity, state.queue.indexOf(input.id)];
  if (input.state === 'steering') return [Infinity, -1];
  const run = input.run && find(state, 'runs', input.run);
  // One that was taken along by a run that was at work already stands where it came.
  return [Math.max(run?.seq ?? 0, input.seq), 0];
}

/** Where a queued input stands: its place from 0, and the ids that wait with it. */
function waitingOf(state, input) {
  return input.state === 'queued' ? { place: state.queue.indexOf(input.id), queue: state.queue } : null;
}

/** The text of an input or a message, without reasoning and tools. */
export function textOf({ parts }) {
  return parts.filter((part) => part.kind === 'text').map((part) => part.text).join('\n');
}

/** A title from a first message: its first line, cut at a word. */
export function titleFrom(text, limit = 56) {
  const line = text.trim().split('\n', 1)[0].replace(/\s+/g, ' ');
  const characters = [...line];
  if (characters.length <= limit) return line;
  const cut = characters.slice(0, limit).join('');
  return `${cut.slice(0, cut.lastIndexOf(' ') > limit / 2 ? cut.lastIndexOf(' ') : undefined)}…`;
}

/** Why an answer is not whole, in words, or null when it is, or still grows. */
export function endOf(message, run) {
  if (message.status === 'cancelled') return { name: 'stopped', text: isOrphan(run) ? 'Stopped: nobody watched any more' : 'Stopped' };
  if (message.status !== 'interrupted') return null;
  if (run?.state === 'lost') return { name: 'lost', text: 'Lost: the agent went away before it finished' };
  if (run?.state === 'queued') return { name: 'lost', text: `The agent went away. Waiting for another: attempt ${run.attempt} of ${run.attempts}` };
  if (run?.state === 'failed') return { name: 'cut', text: `Cut off: ${run.error?.message || 'the agent failed before it finished'}` };
  if (run && ['active', 'waiting'].includes(run.state)) return { name: 'stopped', text: 'Interrupted' };
  return { name: 'cut', text: 'Cut off before it was finished' };
}

/** Whether a run was stopped since nobody watched it. */
export function isOrphan(run) {
  return run?.error?.code === 'orphaned';
}

/** What to stop now: every run that has not ended and is below no other, or else the last input that waits. */
export function stopTargets(state) {
  const runs = state.runs.filter((run) => ['active', 'waiting', 'queued'].includes(run.state) && !run.parent);
  if (runs.length) return runs.map((run) => ({ run: run.id }));
  return state.queue.length ? [{ input: state.queue.at(-1) }] : [];
}
