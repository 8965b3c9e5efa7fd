/** The connection's true state in words. */
export function describe(state, now) {
  switch (state.name) {
    case 'open': return 'Connected';
    case 'connecting': return 'Connecting';
    case 'offline': return 'Offline';
    case 'waiting': {
      const seconds = Math.ceil((state.until - now) / 1000);
      return seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting';
    }
    case 'refused': return `Refused: ${state.why}`;
    default: return 'Disconnected';
  }
}

/** Keeps the pill true. A screen reader hears of changes, not of every second. */
export function showStatus(client, { pill, text, announcer }) {
  let spoken = 'open';
  const draw = () => {
    pill.dataset.state = client.state.name;
    text.textContent = describe(client.state, Date.now());
    pill.title = ['waiting', 'offline', 'refused'].includes(client.state.name) ? 'Try again now' : '';
  };
  client.on('state', (state) => {
    draw();
    if (state.name === 'connecting' || state.name === spoken) return;
    spoken = state.name;
    announcer.textContent = describe(state, Date.now());
  });
  pill.addEventListener('click', () => { if (client.state.name !== 'open' && client.state.name !== 'connecting') client.reconnect(); });
  setInterval(() => { if (client.state.name === 'waiting') draw(); }, 500);
  draw();
}
