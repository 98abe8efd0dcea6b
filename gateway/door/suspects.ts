/**
 * Suspects: addresses of which nearly all handshakes lead to no session.
 *
 * A handshake is most of what a client costs, and the door cannot tell before it who forges, says nothing, or leaves
 * as soon as it came. It can tell afterwards. So of each address it is remembered how many came through their handshake for
 * nothing and how many became sessions, both falling by half in a minute. An address that wastes three quarters is a suspect:
 * its connections stand behind all others, and get one handshake in 64 while others have to wait, and for a second after that.
 * Where nobody else waits, as where all come from one address, they get them all. Many clients behind one address are no suspects while a quarter of them gets in.
 *
 * The same is remembered of those who come by the listener for calls and are in none. That wastes no handshake, so it counts for that
 * listener alone, and one in ten that is in a call clears its address.
 *
 * Pure, though it changes its state in place. `vetting.ts` asks it.
 */

export interface Suspects {
  readonly byNetwork: Standings;
  /** Of those who came by the listener for calls; wasted: they were in none. */
  readonly callers: Standings;
  /** Handshakes of others since one of theirs. */
  others: number;
  /** When somebody else came last who had to wait. */
  othersAtMs: number;
}

export type Standings = Map<string, Standing>;

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
const PRETENDED_SHARE = 0.9;
/** Whoever waited keeps suspects back for so long. */
const OTHERS_MS = 1_000;
const NETWORKS_MAX = 65_536;
/** So many handshakes of others go before one of theirs. */
const OTHERS_BEFORE = 63;

export function noSuspects(): Suspects {
  return { byNetwork: new Map(), callers: new Map(), others: 0, othersAtMs: Number.NEGATIVE_INFINITY };
}

/** One of this address was through its handshake, and became what it came for or did not. */
export function handshakeLed(standings: Standings, address: string, toIt: boolean, nowMs: number): void {
  const network = networkOf(address);
  const before = standings.get(network);
  // Who has wasted nothing has no standing to improve.
  if (before === undefined && (toIt || standings.size >= NETWORKS_MAX)) return;
  const standing = before ?? { wasted: 0, led: 0, atMs: nowMs };
  fade(standing, nowMs);
  if (toIt) standing.led += 1;
  else waste(standing);
  if (before === undefined) standings.set(network, standing);
}

/**
 * A connection came; whether it stands in the row behind that of others.
 *
 * @param address `undefined`: not known yet.
 * @param asCaller by the listener for calls.
 * @param waits it cannot go on at once.
 */
export function standsBehind(
  suspects: Suspects,
  address: string | undefined,
  asCaller: boolean,
  waits: boolean,
  nowMs: number,
): boolean {
  const { byNetwork, callers } = suspects;
  const isOne =
    address !== undefined &&
    (isSuspect(byNetwork, address, WASTED_SHARE, nowMs) ||
      (asCaller && isSuspect(callers, address, PRETENDED_SHARE, nowMs)));
  if (isOne) return waits || othersWait(suspects, nowMs);
  if (waits) suspects.othersAtMs = nowMs;
  return false;
}

/** Whether somebody else waits, or had to a moment ago. */
export function othersWait({ othersAtMs }: Suspects, nowMs: number): boolean {
  return nowMs - othersAtMs < OTHERS_MS;
}

function isSuspect(standings: Standings, address: string, share: number, nowMs: number): boolean {
  const standing = standings.get(networkOf(address));
  if (standing === undefined) return false;
  fade(standing, nowMs);
  const { wasted, led } = standing;
  return wasted >= WASTED_MIN && wasted >= share * (wasted + led);
}

/** Another one's handshake begins; whether one of a suspect may begin with it. */
export function isSuspectsTurn(suspects: Suspects): boolean {
  suspects.others += 1;
  if (suspects.others < OTHERS_BEFORE) return false;
  suspects.others = 0;
  return true;
}

/** Forgets whoever has wasted next to nothing lately. */
export function forget({ byNetwork, callers }: Suspects, nowMs: number): void {
  for (const standings of [byNetwork, callers])
    for (const [network, standing] of standings) {
      fade(standing, nowMs);
      if (standing.wasted < 0.5) standings.delete(network);
    }
}

/** Whether there is nobody of whom anything is remembered. */
export function areNone({ byNetwork, callers }: Suspects): boolean {
  return byNetwork.size + callers.size === 0;
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
