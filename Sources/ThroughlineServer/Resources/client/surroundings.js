// What the client asks of the machine around it. Everything here can be replaced by `connect`'s options.

/** The clock of the machine. */
export const systemClock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** The browser's signs of the network and of attention; outside a browser: always online, never hidden. */
export function browserSurroundings(scope = globalThis) {
  const { document } = scope;
  return {
    isOnline: () => scope.navigator?.onLine !== false,
    isHidden: () => document?.visibilityState === 'hidden',
    /** Calls `wake` when trying again makes sense, `doubt` when the connection may be gone, `leave` when the page is left; answers how to end it. */
    watch({ wake, doubt, leave }) {
      const visible = () => { if (document.visibilityState === 'visible') wake(); };
      const watched = [[scope, 'online', wake], [scope, 'pageshow', wake], [scope, 'pagehide', leave], [scope, 'offline', doubt],
        [document, 'visibilitychange', visible]].filter(([target]) => target?.addEventListener);
      for (const [target, name, listener] of watched) target.addEventListener(name, listener);
      return () => { for (const [target, name, listener] of watched) target.removeEventListener(name, listener); };
    },
  };
}

/** `localStorage` where it may be used, else memory. */
export function defaultStorage(scope = globalThis) {
  try {
    const storage = scope.localStorage;
    storage.setItem('throughline.probe', '1');
    storage.removeItem('throughline.probe');
    return storage;
  } catch {
    return memoryStorage();
  }
}

/** A `Storage` that forgets when the page goes. */
export function memoryStorage() {
  const items = new Map();
  return {
    get length() { return items.size; },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => { items.set(key, String(value)); },
    removeItem: (key) => { items.delete(key); },
  };
}
