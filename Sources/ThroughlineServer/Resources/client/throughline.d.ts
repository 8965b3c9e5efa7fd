// Types of `throughline-client`. Times are milliseconds since 1970 UTC.

import type { AgentRequest, Baton, By, Change, Command, FollowUp, Part, Snapshot, State } from './state.js';

export * from './state.js';

export type Role = 'user' | 'agent' | 'operator' | 'observer';
export interface Participant { id: string; role?: Role; device?: string }
export type Target = { run: string } | { input: string } | { agent: string } | { mine: true } | { all: true };
export type Content = string | Array<{ kind: string; text: string; [field: string]: unknown }>;

export interface ConnectOptions {
  /** The server's base address, such as `https://host/`. */
  url: string | URL;
  /** The key, sent as the subprotocol `bearer.<key>`. */
  key?: string;
  /** Who we say we are. */
  as?: Participant;
  /** A WebSocket class; by default the runtime's own. */
  WebSocket?: new (url: string, protocols: string[]) => unknown;
  /** Where the outbox is kept; by default `localStorage`, else memory. */
  storage?: Pick<Storage, 'length' | 'key' | 'getItem' | 'setItem' | 'removeItem'>;
  clock?: Clock;
  /** From 0 up to 1. */
  random?: () => number;
  /** Ids for inputs, commands and sessions. */
  mint?: (prefix: string) => string;
  surroundings?: Surroundings;
  timings?: Partial<Timings>;
}

export interface Clock {
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: any): void;
}

export interface Surroundings {
  isOnline(): boolean;
  isHidden(): boolean;
  watch(listeners: { wake(): void; doubt(): void; leave(): void }): () => void;
}

/** Milliseconds; a dead network is noticed after `quiet + answer` while the page is visible and something is expected. */
export interface Timings {
  connect: number; answer: number; quiet: number; quietIdle: number; quietHidden: number; stable: number; overloaded: number;
}

export type ConnectionState =
  | { name: 'connecting' } | { name: 'open' } | { name: 'closed' }
  /** Until when it waits; `offline` when the browser says that there is no network. */
  | { name: 'waiting' | 'offline'; until: number; why: string }
  /** It does not come back by itself: `key_invalid`, `protocol_broken`, `too_large`. */
  | { name: 'refused'; code: string; why: string };

export interface OutboxEntry {
  id: string; session: string; parts: Array<{ kind: string; text: string }>; agent?: string; followUp?: FollowUp; create?: true; at: number;
  /** `sent`: acknowledged, its event not seen yet. */
  state: 'pending' | 'sent' | 'failed';
  reason?: { code: string; detail: string };
}

export interface SessionSummary {
  id: string; title: string | null; metadata: Record<string, unknown>; state: 'open' | 'closed';
  created: number; updated: number; seq: number; activity: 'idle' | 'waiting' | 'working'; queued: number;
}

/** Somebody on one device, or the agent of an active run. */
export type Presence =
  | { id: string; role: Role; device?: string; since: number; typing?: true; viewing?: string; read?: number }
  | { id: string; role: 'agent'; run: string; health: 'good' | 'late' };

export interface SessionStatus {
  name: 'attaching' | 'live' | 'interrupted' | 'missing' | 'erased' | 'refused' | 'detached';
  error?: ThroughlineError;
}

/**
 * What went wrong. `code` is the protocol's, or one of the client's own: `request_timeout`, `connection_lost`, `refused` (with
 * `because`), `closed`, `too_many`, `too_large`, `outbox_full`, `id_taken`, `websocket_missing`.
 */
export class ThroughlineError extends Error {
  readonly code: string;
  readonly detail: string;
  readonly isTransient: boolean;
  readonly [field: string]: unknown;
}

export function connect(options: ConnectOptions): Client;

export class Client {
  readonly state: ConnectionState;
  readonly isOpen: boolean;
  readonly outbox: {
    entries(session: string): OutboxEntry[]; get(id: string): OutboxEntry | undefined;
    retry(id: string): void; remove(id: string): void; readonly hasPending: boolean;
  };
  /** Answers how to stop listening. */
  on(name: 'state', listener: (state: ConnectionState) => void): () => void;
  reconnect(options?: { key?: string }): void;
  close(): void;
  session(id: string, options?: { create?: boolean }): Session;
  list(query?: {
    limit?: number; cursor?: string; state?: 'open' | 'closed'; participant?: string; metadata?: Record<string, string>;
  }): Promise<{ sessions: SessionSummary[]; cursor?: string }>;
  create(fields?: { id?: string; title?: string; metadata?: object }): Promise<{ session: State['session']; seq: number }>;
  rename(session: string, title: string): Promise<{ session: State['session']; seq: number }>;
  erase(session: string): Promise<void>;
  /** Any operation of the protocol; `resend: false` when it must not go over a second connection. */
  request(op: string, fields?: object, options?: { timeout?: number; resend?: boolean }): Promise<any>;
  mint(prefix: string): string;
}

export class Session {
  readonly id: string;
  readonly state: State;
  readonly status: SessionStatus;
  readonly counts: { readonly gaps: number; readonly duplicates: number };
  readonly pending: OutboxEntry[];
  readonly isExpecting: boolean;
  on(name: 'change', listener: (changes: Change[], state: State) => void): () => void;
  on(name: 'status', listener: (status: SessionStatus) => void): () => void;
  on(name: 'outbox', listener: () => void): () => void;
  on(name: 'presence', listener: (presence: Presence[]) => void): () => void;
  readonly presence: Presence[];
  send(content: Content, options?: { agent?: string; followUp?: FollowUp; id?: string }): string;
  retry(id: string): void;
  discard(id: string): void;
  withdraw(id: string): Promise<unknown>;
  edit(id: string, content: Content): Promise<unknown>;
  /** Before another queued input, or behind all. */
  move(id: string, before?: string | null): Promise<unknown>;
  /** Another input beside one that was taken, which is followed. */
  revise(id: string, content: Content, options?: { agent?: string; as?: string }): Promise<unknown>;
  /** Another answer to an input. */
  regenerate(id: string, options?: { agent?: string; as?: string }): Promise<unknown>;
  /** Has the conversation follow this input and not those beside it. */
  follow(id: string): Promise<unknown>;
  setPolicies(policies: Record<string, unknown>): Promise<unknown>;
  /** A new session that begins as this one was after event `at`, or after the end of the run `after`; its id. */
  fork(options?: { at?: number; after?: string; title?: string; as?: string }): Promise<string>;
  steer(content: Content, options?: { target?: Target; otherwise?: 'input'; timeout?: number }): Promise<Command>;
  interrupt(content?: Content, options?: { target?: Target; timeout?: number }): Promise<Command>;
  pause(target?: Target, options?: { timeout?: number }): Promise<Command>;
  resume(target?: Target, options?: { timeout?: number }): Promise<Command>;
  stop(target?: Target, options?: { timeout?: number }): Promise<Command>;
  answer(request: string, value: unknown, options?: { note?: string }): Promise<AgentRequest>;
  say(content: Content, options?: { audience?: 'agents' | 'operators'; answers?: string[]; id?: string }): Promise<unknown>;
  takeover(options?: { timeout?: number }): Promise<Command>;
  handback(note?: Content, options?: { timeout?: number }): Promise<Command>;
  typing(isTyping?: boolean): void;
  seen(seq?: number): void;
  detach(): void;
}

export function backoff(attempt: number, options?: { random?: () => number; base?: number; cap?: number; floor?: number }): number;
export function mint(prefix: string): string;
export function memoryStorage(): Storage;
export function byteLength(text: string): number;
export function dropBytes(text: string, count: number): string | null;
export function clip(text: string, limit: number): string;
export type { Change, Command, Part, Snapshot, State };
