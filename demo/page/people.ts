/**
 * People: who is in the lobby, made of the sessions that the service says are present.
 *
 * Pure. A user with several tabs open is one person with several devices.
 */

export interface Person {
  readonly user: string;
  readonly devices: number;
  readonly inCall: boolean;
}

interface Present {
  readonly user: string;
  readonly device: string;
  readonly state?: unknown;
}

/** Everybody but oneself, by name. */
export function peopleIn(members: readonly Present[], me: string): readonly Person[] {
  const byUser = new Map<string, Present[]>();
  for (const member of members) {
    if (member.user === me) continue;
    byUser.set(member.user, [...(byUser.get(member.user) ?? []), member]);
  }
  return [...byUser]
    .map(([user, present]) => ({
      user,
      devices: new Set(present.map(({ device }) => device)).size,
      inCall: present.some(isInCall),
    }))
    .sort((a, b) => a.user.localeCompare(b.user));
}

/** How many other devices of one's own are present. */
export function siblingsIn(members: readonly Present[], me: string, device: string): number {
  return new Set(members.filter((m) => m.user === me && m.device !== device).map((m) => m.device)).size;
}

function isInCall({ state }: Present): boolean {
  return typeof state === 'object' && state !== null && (state as { inCall?: unknown }).inCall === true;
}

/** A hue that stays with a name, between teal and violet: red and green mean something else here. */
export function hueOf(user: string): number {
  return 175 + Array.from(user).reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 130, 7);
}
