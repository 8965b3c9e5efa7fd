// Which agents are at work, and how each fares, in words. No document here.

const OVER = { completed: 'done', failed: 'failed', cancelled: 'stopped', lost: 'lost' };

/** True until the run has ended. */
export function isOpen(run) {
  return !(run.state in OVER);
}

/** Every tree of runs in which one has not ended: `[{run, below: [...]}]`, oldest first. */
export function runTree(state) {
  const nodes = new Map(state.runs.map((run) => [run.id, { run, below: [] }]));
  const roots = [];
  for (const node of nodes.values()) (nodes.get(node.run.parent)?.below ?? roots).push(node);
  return roots.filter(hasOpen);
}

/** How many runs of these trees have not ended. */
export function countOpen(trees) {
  return trees.reduce((sum, { run, below }) => sum + (isOpen(run) ? 1 : 0) + countOpen(below), 0);
}

/** What a run is called. */
export function nameOf(run) {
  return run.label || run.agent;
}

/** How a run fares, in words. `commands`: those that its agent has not carried out yet. */
export function describeRun(run, commands) {
  if (run.state in OVER) return OVER[run.state];
  if (run.state === 'queued') return 'its agent went away, waits for another';
  const asked = commands.find(({ verb }) => ['pause', 'resume', 'interrupt'].includes(verb));
  if (asked) return { pause: 'pausing…', resume: 'going on…', interrupt: 'interrupted…' }[asked.verb];
  if (run.state === 'waiting') return WAITING[run.waiting] ?? `waits: ${run.waiting}`;
  const tokens = tokensOf(run.usage ?? {});
  return [run.progress?.text ?? 'at work', tokens && `${tokens.toLocaleString('en')} tokens`].filter(Boolean).join(', ');
}

/** What a run has used so far, as far as it says: by the names that models' servers give it. */
function tokensOf({ tokens, total_tokens: total, input_tokens: input = 0, output_tokens: output = 0, prompt_tokens: prompt = 0, completion_tokens: completion = 0 }) {
  return Number(tokens ?? total ?? (input + output || prompt + completion)) || 0;
}

const WAITING = { paused: 'paused', children: 'waits for those below', baton: 'waits while a person answers' };

/** Whether its agent understands a command. */
export function accepts(run, verb) {
  return run.accepts?.includes(verb) ?? true;
}

function hasOpen({ run, below }) {
  return isOpen(run) || below.some(hasOpen);
}
