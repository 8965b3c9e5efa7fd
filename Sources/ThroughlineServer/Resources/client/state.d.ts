// The state of a session, as `docs/protocol.md` describes the snapshot. States are never changed in place.

export interface By { id: string; role: 'user' | 'agent' | 'operator' | 'observer' | 'system'; device?: string; key?: string }
export type FollowUp = 'queue' | 'merge' | 'latest' | 'interrupt' | 'steer' | 'reject' | 'concurrent';
interface Item { id: string; seq: number; at: number }

export interface SessionInfo {
  id: string; title: string | null; metadata: Record<string, unknown>; policies: { followUp: FollowUp; orphan?: { then: 'cancel'; after: number } };
  state: 'open' | 'closed'; created: number; updated: number;
}

export interface Input extends Item {
  by: By; agent?: string; parts: Array<{ kind: string; text: string; [field: string]: unknown }>; run?: string;
  /** The input that it stands beside: an edit of it, or (`regenerates`) the same for another answer. */
  replaces?: string; regenerates?: true;
  /** The input whose answer it follows, where that is not the one added before it. */
  after?: string;
  state: 'queued' | 'steering' | 'claimed' | 'answered' | 'unanswered' | 'cancelled' | 'withdrawn';
  /** Absent: `queue`. */
  followUp?: FollowUp;
  /** The command that it was before. */
  command?: string;
  /** Why it was withdrawn, where nobody did it by hand: `superseded`. */
  reason?: string;
}

export interface Run extends Item {
  agent: string; label?: string; parent?: string; inputs: string[]; epoch: number;
  budget?: { seconds?: number; tokens?: number; cost?: number };
  /** Absent: the first, and one at most. */
  attempt?: number; attempts?: number;
  /** While it is queued, since its agent was lost: when another may take it. */
  notBefore?: number;
  state: 'active' | 'waiting' | 'queued' | 'completed' | 'failed' | 'cancelled' | 'lost';
  /** What it waits for, while it does: `paused`, `children`, or what its agent says. */
  waiting?: string;
  progress?: { fraction?: number; text?: string };
  waitsForChildren?: boolean;
  /** The commands that its agent understands; absent: all. */
  accepts?: string[];
  steps?: Array<{ id: string; attempt: number; label?: string; status: Progress }>;
  usage?: unknown; error?: { code: string; message: string }; ended?: number;
}

/** Inputs beside each other, and the one of them that the conversation follows. */
export interface Branch { siblings: string[]; selected: string }

export type Progress = 'streaming' | 'complete' | 'cancelled' | 'interrupted';

export interface Part {
  id: string; kind: string; name?: string; call?: string; mediaType?: string; url?: string; title?: string;
  audience?: 'agents' | 'operators';
  status: Progress; text: string;
  /** The length of `text` in UTF-8 bytes. */
  bytes: number;
}

export interface Message extends Item {
  by: By; run?: string; role: 'assistant' | 'user' | 'system' | 'tool' | 'operator'; parent?: string; audience?: 'agents' | 'operators'; status: Progress; parts: Part[];
  step?: string;
  /** Another attempt says it anew; it is not shown. */
  superseded?: true;
}

export interface Command extends Item {
  by: By; verb: string; target: Record<string, unknown>; state: 'requested' | 'accepted' | 'applied' | 'rejected' | 'expired';
  reason?: string; parts?: Input['parts']; otherwise?: 'input';
  /** The run that has to carry it out. */
  run?: string;
  /** The input that it was made of, or became. */
  input?: string;
  outcome?: 'consumed' | 'deferred'; expires?: number;
}

/** An agent's question to people. */
export interface AgentRequest extends Item {
  by: By; run: string; kind: 'approval' | 'choice' | 'text' | 'client-tool'; prompt: string;
  state: 'open' | 'resolved' | 'expired' | 'withdrawn';
  part?: string; tool?: string; arguments?: unknown; digest?: string; choices?: Array<{ id: string; label?: string }>;
  schema?: Record<string, unknown>; deadline: number; default?: unknown; who: { roles: string[]; participants?: string[] };
  answer?: { id?: string; value: unknown; digest?: string; note?: string; by: By; at: number }; reason?: string;
}

/** The operator who answers now, for as long as they say something within `limit` milliseconds. */
export interface Baton { by: By; seq: number; at: number; limit: number }

export interface State {
  readonly seq: number;
  readonly session: SessionInfo | null;
  readonly inputs: readonly Input[];
  /** The ids of the queued inputs, in the order in which they are handed out. */
  readonly queue: readonly string[];
  readonly branches: readonly Branch[];
  readonly runs: readonly Run[];
  readonly messages: readonly Message[];
  readonly requests: readonly AgentRequest[];
  readonly commands: readonly Command[];
  readonly baton: Baton | null;
}

export interface Snapshot {
  seq: number; session: SessionInfo; inputs: Input[]; queue?: string[]; runs: Run[]; messages: object[]; requests: AgentRequest[];
  commands: Command[]; [field: string]: unknown;
}

/** What changed: `kind` is `snapshot`, `session`, `input`, `run`, `message`, `part`, `request`, `command` or `baton`. */
export interface Change {
  kind: string; id: string;
  /** Of a part: its message. */
  message?: string;
  /** Of a part: nothing but its text grew. */
  appended?: boolean;
}

export function emptyState(): State;
export function fromSnapshot(snapshot: Snapshot): State;
export function apply(state: State, events: readonly object[]): { state: State; changes: Change[]; gap: string | null };
export function find(state: State, kind: 'inputs', id: string): Input | undefined;
export function find(state: State, kind: 'runs', id: string): Run | undefined;
export function find(state: State, kind: 'messages', id: string): Message | undefined;
export function find(state: State, kind: 'requests', id: string): AgentRequest | undefined;
export function find(state: State, kind: 'commands', id: string): Command | undefined;
export function findPart(state: State, id: string): Part | undefined;
export function branchOf(state: State, input: string): Branch | undefined;
export function followedInputs(state: State): Set<string> | null;
export function isFollowedRun(state: State, followed: Set<string> | null, run: Run | undefined): boolean;
export function standingMessages(state: State): Message[];
export function activeRuns(state: State): Run[];
export function queuedInputs(state: State): Input[];
export function pendingCommands(state: State, run: string): Command[];
