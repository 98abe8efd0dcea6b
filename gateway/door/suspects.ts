/**
 * Suspects: addresses of which nearly all handshakes lead to no session.
 *
 * A handshake is most of what a client costs, and the door cannot tell before it who forges, says nothing, or leaves
 * as soon as it came. It can tell afterwards. So of each address it is remembered how many came through their handshake for
 * nothing and how many became sessions, both falling by half in a minute. An address that wastes three quarters is a suspect:
 * its connections stand behind all others, and get one handshake in 32 while others have to wait, and for a second after that.
 * Where nobody else waits, as where all come from one address, they get them all. Many clients behind one address are no suspects while a quarter of them gets in.
 *
 * Pure, though it changes its state in place. `vetting.ts` asks it.
 */

export interface Suspects {
  readonly byNetwork: Map<string, Standing>;
  /** Handshakes of others since one of theirs. */
  others: number;
  /** When somebody else came last who had to wait. */
  othersAtMs: number;
}

interface Standing {
  wasted: number;
  led: number;
  atMs: number;
}

const HALF_LIFE_MS = 60_000;
/** Fewer say nothing. */
const WASTED_MIN = 4;
/** However many there were: after twice the half-life it is no suspect any more. */
const WASTED_MAX = 16;
const WASTED_SHARE = 0.75;
/** Whoever waited keeps suspects back for so long. */
const OTHERS_MS = 1_000;
const NETWORKS_MAX = 65_536;
/** So many handshakes of others go before one of theirs. */
const OTHERS_BEFORE = 31;

export function noSuspects(): Suspects {
  return { byNetwork: new Map(), others: 0, othersAtMs: Number.NEGATIVE_INFINITY };
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
  else waste(standing);
  if (before === undefined) byNetwork.set(network, standing);
}

/**
 * A connection came; whether it stands in the row behind that of others.
 *
 * @param address `undefined`: not known yet.
 * @param waits it cannot go on at once.
 */
export function standsBehind(
  suspects: Suspects,
  address: string | undefined,
  waits: boolean,
  nowMs: number,
): boolean {
  if (address !== undefined && isSuspect(suspects, address, nowMs))
    return waits || othersWait(suspects, nowMs);
  if (waits) suspects.othersAtMs = nowMs;
  return false;
}

/** Whether somebody else waits, or had to a moment ago. */
export function othersWait({ othersAtMs }: Suspects, nowMs: number): boolean {
  return nowMs - othersAtMs < OTHERS_MS;
}

function isSuspect({ byNetwork }: Suspects, address: string, nowMs: number): boolean {
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

/** Past the most there may be, both shrink, so that their proportion stays. */
function waste(standing: Standing): void {
  const wasted = standing.wasted + 1;
  const left = Math.min(1, WASTED_MAX / wasted);
  standing.wasted = wasted * left;
  standing.led *= left;
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
