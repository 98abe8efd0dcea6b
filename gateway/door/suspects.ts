/**
 * Suspects: addresses of which nearly all handshakes lead to no session.
 *
 * A handshake is most of what a client costs, and the door cannot tell before it who forges, says nothing, or leaves
 * as soon as it came. It can tell afterwards. So of each address it is remembered how many came through their handshake for
 * nothing and how many became sessions, both falling by half in 20 s. While others wait, connections of an address that
 * wastes three quarters are closed as they are accepted, at a tenth of the price, but for one a second, which may clear it.
 * Many clients behind one address are no suspects while a quarter of them gets in.
 *
 * Pure, though it changes its state in place. `doorkeeper.ts` asks it.
 */

export interface Suspects {
  readonly byAddress: Map<string, Standing>;
}

interface Standing {
  wasted: number;
  led: number;
  atMs: number;
  /** Shunned until then. */
  untilMs: number;
}

const HALF_LIFE_MS = 20_000;
/** Fewer say nothing. */
const WASTED_MIN = 8;
/** However many there were: after three or four times the half-life all is forgotten. */
const WASTED_MAX = 100;
const WASTED_SHARE = 0.75;
const SHUNNED_MS = 1_000;
const ADDRESSES_MAX = 65_536;

export function noSuspects(): Suspects {
  return { byAddress: new Map() };
}

/** One of this address was through its handshake, and became a session or did not. */
export function handshakeLed(
  { byAddress }: Suspects,
  address: string,
  toSession: boolean,
  nowMs: number,
): void {
  const before = byAddress.get(address);
  // Who has wasted nothing has no standing to improve.
  if (before === undefined && (toSession || byAddress.size >= ADDRESSES_MAX)) return;
  const standing = before ?? { wasted: 0, led: 0, atMs: nowMs, untilMs: 0 };
  fade(standing, nowMs);
  if (toSession) standing.led += 1;
  else standing.wasted = Math.min(WASTED_MAX, standing.wasted + 1);
  if (before === undefined) byAddress.set(address, standing);
}

/** Whether a connection of this address is closed while others wait. */
export function isShunned(suspects: Suspects, address: string, nowMs: number): boolean {
  const standing = suspects.byAddress.get(address);
  if (standing === undefined) return false;
  fade(standing, nowMs);
  const { wasted, led } = standing;
  if (wasted < WASTED_MIN || wasted < WASTED_SHARE * (wasted + led)) return false;
  if (nowMs < standing.untilMs) return true;
  standing.untilMs = nowMs + SHUNNED_MS;
  return false;
}

/** Forgets whoever has wasted next to nothing lately. */
export function forget({ byAddress }: Suspects, nowMs: number): void {
  for (const [address, standing] of byAddress) {
    fade(standing, nowMs);
    if (standing.wasted < 0.5) byAddress.delete(address);
  }
}

function fade(standing: Standing, nowMs: number): void {
  const left = 0.5 ** (Math.max(0, nowMs - standing.atMs) / HALF_LIFE_MS);
  standing.wasted *= left;
  standing.led *= left;
  standing.atMs = nowMs;
}
