/** What went wrong, with the protocol's stable `code`. Codes of the client itself are listed in `throughline.d.ts`. */
export class ThroughlineError extends Error {
  constructor(code, detail, fields = {}) {
    super(detail ? `${code}: ${detail}` : code);
    this.name = 'ThroughlineError';
    Object.assign(this, fields);
    this.code = code;
    this.detail = detail ?? '';
  }

  /** The error that a `problem` from the server stands for. */
  static from(problem) {
    const { code, detail, title, ...rest } = problem ?? {};
    return new ThroughlineError(code ?? 'unknown', detail ?? title, rest);
  }

  /** True when the same request may succeed later; every write carries an id, so trying again is harmless. */
  get isTransient() {
    return TRANSIENT.has(this.code);
  }
}

const TRANSIENT = new Set([
  'request_timeout', 'connection_lost', 'too_many', 'stopping', 'storage_full',
  'upstream_failed', 'upstream_timeout', 'overloaded', 'refused',
]);
