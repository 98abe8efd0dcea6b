/**
 * Faults: every mistake of a peer that the service names, in one table.
 *
 * A code is a promise: it is never renamed and never reused. The table says what a fault means to a
 * WebSocket (`closeCode`, RFC 6455 §7.4.2, where the flow closes), to HTTP (`httpStatus`), and whether
 * the same request may be tried again: `never`, `now` (after mending what the text says), `later`
 * (after `retryAfterMs` or the told spread), `same-id` (the outcome is not known: repeat the same id).
 *
 * `docs/faults.md` is generated from it.
 */

export type Retry = 'never' | 'now' | 'later' | 'same-id';

export interface FaultDefinition {
  /** The WebSocket close code when the flow closes for it; absent: the flow goes on. */
  readonly closeCode?: number;
  readonly httpStatus: number;
  readonly retry: Retry;
  readonly text: string;
  /** It is counted, and no client hears of it. */
  readonly told?: false;
}

export const faults = {
  // What a client sent.
  MALFORMED: {
    closeCode: 4400,
    httpStatus: 400,
    retry: 'never',
    text: 'The message is not a JSON object with a `type`.',
  },
  INVALID_UTF8: {
    closeCode: 1007,
    httpStatus: 400,
    retry: 'never',
    text: 'A text message is not valid UTF-8.',
  },
  BINARY: {
    closeCode: 1003,
    httpStatus: 415,
    retry: 'never',
    text: 'A binary message came where text is due.',
  },
  TOO_LARGE: {
    closeCode: 1009,
    httpStatus: 413,
    retry: 'never',
    text: 'The message is larger than `limits.messageBytes`.',
  },
  TOO_DEEP: {
    closeCode: 4400,
    httpStatus: 400,
    retry: 'never',
    text: 'The message is nested more than 64 levels deep.',
  },
  INVALID: {
    httpStatus: 400,
    retry: 'never',
    text: 'A field of the message is missing or of the wrong type.',
  },
  UNKNOWN_TYPE: { httpStatus: 400, retry: 'never', text: 'The service does not know this type of message.' },
  NOT_OPEN: {
    closeCode: 4400,
    httpStatus: 400,
    retry: 'never',
    text: 'The first message of a flow is `hello`.',
  },
  ALREADY_OPEN: { httpStatus: 400, retry: 'never', text: 'The flow has said `hello` before.' },
  NO_HELLO: { closeCode: 4408, httpStatus: 408, retry: 'later', text: 'No `hello` came in time.' },
  WRONG_SUBPROTOCOL: { httpStatus: 400, retry: 'never', text: 'Offer the subprotocol of this path.' },
  ORIGIN_REFUSED: { httpStatus: 403, retry: 'never', text: 'Pages of this origin may not connect.' },
  FORGED_SENDER: {
    httpStatus: 400,
    retry: 'never',
    text: '`from` is stamped by the service out of the token; leave it out.',
  },
  CURSOR_AHEAD: {
    httpStatus: 409,
    retry: 'now',
    text: 'A cursor lies past the end of its log; a `gap` was sent.',
    told: false,
  },
  SEND_ID_REUSED: {
    httpStatus: 409,
    retry: 'never',
    text: 'This id is waiting for its answer with another body.',
  },

  // Who the client is.
  TOKEN_MISSING: { closeCode: 4401, httpStatus: 401, retry: 'now', text: 'Send a token or a resume token.' },
  TOKEN_MALFORMED: { closeCode: 4401, httpStatus: 401, retry: 'now', text: 'The token cannot be read.' },
  TOKEN_ALGORITHM: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'never',
    text: 'The token names an algorithm that its key is not for.',
  },
  TOKEN_KEY_UNKNOWN: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'later',
    text: 'No key of the issuer fits this token.',
  },
  TOKEN_SIGNATURE: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'never',
    text: 'The signature does not fit the token.',
  },
  TOKEN_EXPIRED: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'now',
    text: 'Fetch a new token, then attach again.',
  },
  TOKEN_NOT_YET_VALID: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'later',
    text: 'The token is not valid yet.',
  },
  TOKEN_CLAIMS: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'never',
    text: 'A claim of the token is missing or not as this service asks.',
  },
  TOKEN_USER_DIFFERS: {
    httpStatus: 403,
    retry: 'never',
    text: 'A refresh must bring a token of the same user.',
  },
  RESUME_INVALID: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'now',
    text: 'The resume token is not of this service; attach with a token.',
  },
  RESUME_EXPIRED: {
    closeCode: 4401,
    httpStatus: 401,
    retry: 'now',
    text: 'The resume token has expired; attach with a token.',
  },
  REVOKED: {
    closeCode: 4403,
    httpStatus: 403,
    retry: 'never',
    text: 'The user, session or token was revoked.',
  },
  AUTH_UNAVAILABLE: {
    closeCode: 4503,
    httpStatus: 503,
    retry: 'later',
    text: 'The keys of the issuer cannot be read at the moment.',
  },

  // What the client may do.
  FORBIDDEN: { httpStatus: 403, retry: 'never', text: 'The token does not carry the right for this.' },
  NOT_JOINED: { httpStatus: 409, retry: 'now', text: 'The session has not joined this room.' },
  TOO_MANY_ROOMS: {
    httpStatus: 429,
    retry: 'never',
    text: 'The session has joined as many rooms as it may.',
  },
  TOO_MANY_WATCHES: {
    httpStatus: 429,
    retry: 'never',
    text: 'The session watches as many channels as it may.',
  },
  TOO_MANY_SESSIONS: {
    closeCode: 4429,
    httpStatus: 429,
    retry: 'later',
    text: 'The user has as many sessions as it may.',
  },
  TOO_MANY_FLOWS: {
    closeCode: 4429,
    httpStatus: 429,
    retry: 'later',
    text: 'This address holds as many connections as it may.',
  },
  TOO_MANY_PENDING: {
    httpStatus: 429,
    retry: 'later',
    text: 'Too many requests of this session wait for their answers.',
  },
  RATE_LIMITED: { httpStatus: 429, retry: 'later', text: 'Messages come faster than the session may send.' },
  FLOOD: {
    closeCode: 4429,
    httpStatus: 429,
    retry: 'later',
    text: 'The flow went on sending far above its rate.',
  },
  STATE_TOO_LARGE: { httpStatus: 413, retry: 'never', text: 'A presence state has at most 1,024 bytes.' },
  TTL_TOO_LONG: { httpStatus: 400, retry: 'never', text: '`ttlMs` is larger than `limits.ttlMs`.' },
  ICE_UNAVAILABLE: { httpStatus: 404, retry: 'never', text: 'No STUN or TURN server is configured.' },

  // What the service cannot do now.
  LOG_FULL: { httpStatus: 507, retry: 'later', text: 'The log is full; it forgets only what has expired.' },
  CHANNEL_FULL: { httpStatus: 507, retry: 'later', text: 'The log of this channel is full.' },
  UNDECIDED: { httpStatus: 503, retry: 'same-id', text: 'The log has not answered: send the same id again.' },
  SEND_EXPIRED: {
    httpStatus: 504,
    retry: 'never',
    text: 'The time of this send passed without an answer; its outcome is unknown.',
  },
  UNAVAILABLE: { httpStatus: 503, retry: 'later', text: 'The service cannot answer this at the moment.' },
  BUSY: {
    closeCode: 4503,
    httpStatus: 503,
    retry: 'later',
    text: 'The service takes no new clients at the moment.',
  },

  // Why a flow closes.
  REPLACED: {
    closeCode: 4409,
    httpStatus: 409,
    retry: 'never',
    text: 'A newer flow of the session took its place.',
  },
  MOVED: { httpStatus: 409, retry: 'now', text: 'Sends of this session go over its newest flow.' },
  SLOW_CONSUMER: {
    closeCode: 4413,
    httpStatus: 429,
    retry: 'now',
    text: 'More bytes wait for this client than may; resume with the cursors.',
  },
  SILENT: {
    closeCode: 4408,
    httpStatus: 408,
    retry: 'now',
    text: 'Nothing was heard of this client for too long.',
  },
  CALL_REPLAYED: {
    httpStatus: 409,
    retry: 'now',
    text: 'A resume token that says its session is in a call was used before; its bearer waits with the rest.',
    told: false,
  },
  NOT_IN_CALL: {
    httpStatus: 403,
    retry: 'now',
    text: 'The port for those in a call was used without being in one; such clients are served last.',
    told: false,
  },
  SENT_ON: {
    closeCode: 4503,
    httpStatus: 503,
    retry: 'later',
    text: 'Another gateway has less to do: come there, after the time told.',
  },
  TOO_MANY_SET_UPS: {
    closeCode: 4429,
    httpStatus: 503,
    retry: 'later',
    text: 'This user or address opens sessions faster than an operator allows.',
  },
  GOING_AWAY: {
    closeCode: 1001,
    httpStatus: 503,
    retry: 'later',
    text: 'The gateway is going away; resume within the spread.',
  },
  BYE: { closeCode: 1000, httpStatus: 200, retry: 'never', text: 'The client said bye.' },
} as const satisfies Record<string, FaultDefinition>;

export type FaultCode = keyof typeof faults;

/** Whether a string is a code of the table; what a newer peer sends may not be. */
export function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faults, code);
}

export function faultDefinition(code: FaultCode): FaultDefinition {
  return faults[code];
}

/** The close code of a fault; 4400 for one that does not close by itself but was met before a session stood. */
export function closeCodeOf(code: FaultCode): number {
  return faultDefinition(code).closeCode ?? 4400;
}
