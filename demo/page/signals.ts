/**
 * Signals: what the devices of a call say to each other, and to whom.
 *
 * The service looks into none of it. A body comes from another browser, so it is read with care.
 */

/** One end of a call, as the service stamps it on every frame. */
export interface Party {
  readonly user: string;
  readonly device: string;
}

/** A user with all devices, or one device of it. */
export interface Target {
  readonly user: string;
  readonly device?: string;
}

export type Kind =
  | 'offer'
  | 'ringing'
  | 'answer'
  | 'candidate'
  | 'reject'
  | 'hangup'
  /** From a device to its siblings: stop ringing. */
  | 'answered-elsewhere'
  | 'declined-elsewhere';

export type Candidate = {
  readonly candidate: string;
  readonly sdpMid?: string | null;
  readonly sdpMLineIndex?: number | null;
  readonly usernameFragment?: string | null;
};

export interface Received {
  readonly type: 'received';
  /** A {@link Kind}, or what a newer page says. */
  readonly kind: string;
  readonly call: string;
  readonly from: Party;
  readonly body: unknown;
}

// Bodies come from other people's programs.

export function sdpOf(body: unknown): string | undefined {
  const sdp = fieldOf(body, 'sdp');
  return typeof sdp === 'string' ? sdp : undefined;
}

export function reasonOf(body: unknown): unknown {
  return fieldOf(body, 'reason');
}

export function isCandidate(body: unknown): body is Candidate {
  return typeof fieldOf(body, 'candidate') === 'string';
}

function fieldOf(body: unknown, field: string): unknown {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[field] : undefined;
}
