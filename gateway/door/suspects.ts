/**
 * Suspects: addresses of which nearly all handshakes lead to no session.
 *
 * A handshake is most of what a client costs, and the door cannot tell before it who forges, says nothing, or leaves
 * as soon as it came. It can tell afterwards. So of each address it is remembered how many came through their handshake for
 * nothing and how many became sessions, both falling by half in 20 s. An address that wastes three quarters is a suspect:
 * its connections stand behind all others, and get one handshake in 16 while there are others.
 * Many clients behind one address are no suspects while a quarter of them gets in.
 *
 * Pure, though it changes its state in place. `vetting.ts` asks it.
 */

export interface Suspects {
  readonly byNetwork: Map<string, Standing>;
  /** Handshakes of others since one of theirs. */
  others: number;
}

interface Standing {
  wasted: number;
  led: number;
  atMs: number;
}

const HALF_LIFE_MS = 20_000;
/** Fewer say nothing. */
const WASTED_MIN = 8;
/** However many there were: after three or four times the half-life all is forgotten. */
const WASTED_MAX = 100;
const WASTED_SHARE = 0.75;
const NETWORKS_MAX = 65_536;
/** So many handshakes of others go before one of theirs. */
const OTHERS_BEFORE = 15;

export function noSuspects(): Suspects {
  return { byNetwork: new Map(), others: 0 };
}

/** One of this address was through its handshake, and became a session or did not. */
export function handshakeLed(
  { byNetwork }: Suspects,
  address: string,
  toSession: boolean,
  nowMs: number,
): void {
  const network = networkOf(address);
  const before = byNetwork.get(network);
  // Who has wasted nothing has no standing to improve.
  if (before === undefined && (toSession || byNetwork.size >= NETWORKS_MAX)) return;
  const standing = before ?? { wasted: 0, led: 0, atMs: nowMs };
  fade(standing, nowMs);
  if (toSession) standing.led += 1;
  else standing.wasted = Math.min(WASTED_MAX, standing.wasted + 1);
  if (before === undefined) byNetwork.set(network, standing);
}

/** Whether a connection of this address stands behind those of others. */
export function isSuspect({ byNetwork }: Suspects, address: string, nowMs: number): boolean {
  if (byNetwork.size === 0) return false;
  const standing = byNetwork.get(networkOf(address));
  if (standing === undefined) return false;
  fade(standing, nowMs);
  const { wasted, led } = standing;
  return wasted >= WASTED_MIN && wasted >= WASTED_SHARE * (wasted + led);
}

/** Another one's handshake begins; whether one of a suspect may begin with it. */
export function isSuspectsTurn(suspects: Suspects): boolean {
  suspects.others += 1;
  if (suspects.others < OTHERS_BEFORE) return false;
  suspects.others = 0;
  return true;
}

/** Forgets whoever has wasted next to nothing lately. */
export function forget({ byNetwork }: Suspects, nowMs: number): void {
  for (const [network, standing] of byNetwork) {
    fade(standing, nowMs);
    if (standing.wasted < 0.5) byNetwork.delete(network);
  }
}

function fade(standing: Standing, nowMs: number): void {
  const left = 0.5 ** (Math.max(0, nowMs - standing.atMs) / HALF_LIFE_MS);
  standing.wasted *= left;
  standing.led *= left;
  standing.atMs = nowMs;
}

/**
 * What stands for an address: whoever has one of IPv6 has the 64 bits after its network as well.
 *
 * @param address in canonical form.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}
