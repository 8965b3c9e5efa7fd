// Requests of agents, in words. No document here.

/** Whether somebody may answer. */
export function mayAnswer({ who }, { id, role }) {
  if (role === 'observer') return false;
  return Boolean(who?.roles?.includes(role) || who?.participants?.includes(id));
}

/** What an answer says, as one line. */
export function answerText(request, value) {
  if (request.kind === 'approval') return value ? 'Yes' : 'No';
  if (request.kind === 'choice') return choicesOf(request).find(({ id }) => id === value)?.label ?? String(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The choices, each with a label. */
export function choicesOf({ choices = [] }) {
  return choices.map((choice) => (typeof choice === 'string' ? { id: choice, label: choice } : { id: choice.id, label: choice.label ?? choice.id }));
}

/** How a request that is over ended, in words. */
export function outcomeOf(request) {
  const { state, answer, reason } = request;
  if (state === 'resolved') {
    const where = answer.by?.device ? ` (${answer.by.device})` : '';
    return `${answer.by?.id ?? 'Somebody'}${where} answered: ${answerText(request, answer.value)}${answer.note ? `. “${answer.note}”` : ''}`;
  }
  if (state === 'expired') return answer ? `Nobody answered in time: ${answerText(request, answer.value)}` : 'Nobody answered in time';
  return `No longer asked: ${WITHDRAWN[reason] ?? 'the agent is done'}`;
}

const WITHDRAWN = {
  run_cancelled: 'the agent was stopped', run_failed: 'the agent failed', run_lost: 'the agent went away',
  superseded: 'the agent begins that again', by_agent: 'the agent took it back',
};

/** The time until a deadline, in words; empty when it is far. */
export function timeLeft(deadline, now) {
  const seconds = Math.ceil((deadline - now) / 1000);
  if (seconds >= 3600) return '';
  if (seconds <= 0) return 'time is up';
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;
}
