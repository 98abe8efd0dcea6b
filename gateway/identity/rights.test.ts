import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { roomChannel, userChannel } from '#wire/channels.ts';
import {
  covers,
  mayJoin,
  maySendRoom,
  maySendUser,
  mayWatch,
  noRights,
  RIGHTS_BYTES_MAX,
  rightsOfClaim,
} from './rights.ts';

const claim = {
  rooms: { 'team-*': ['join', 'send'], 'team-red': ['watch'], lobby: ['join'] },
  users: { send: ['bob', 'support-*'], watch: ['*'] },
} as const;

test('what the claim names is allowed, and nothing else', () => {
  assert(mayJoin(claim, 'team-red') && mayJoin(claim, 'team-') && mayJoin(claim, 'lobby'));
  assert(!mayJoin(claim, 'team') && !mayJoin(claim, 'lobby2') && !mayJoin(claim, 'Team-red'));
  assert(maySendRoom(claim, 'team-red') && !maySendRoom(claim, 'lobby'));
  assert(maySendUser(claim, 'bob', 'ann') && maySendUser(claim, 'support-7', 'ann'));
  assert(!maySendUser(claim, 'bobby', 'ann') && !maySendUser(claim, 'support', 'ann'));
  assert(mayWatch(claim, 'u/carol', 'ann') && mayWatch(claim, 'r/team-red', 'ann'));
  assert(!mayWatch(claim, 'r/team-blue', 'ann') && !mayWatch(claim, 'x/team-red', 'ann'));
});

test('without a claim a user may reach its own devices, and nobody else', () => {
  const rights = rightsOfClaim(undefined);
  assert.equal(rights, noRights);
  fc.assert(
    fc.property(names(), names(), (self, other) => {
      assert(maySendUser(noRights, self, self) && mayWatch(noRights, userChannel(self), self));
      assert(!mayJoin(noRights, other) && !maySendRoom(noRights, other));
      assert(!mayWatch(noRights, roomChannel(other), self));
      assert.equal(maySendUser(noRights, other, self), other === self);
      assert.equal(mayWatch(noRights, userChannel(other), self), other === self);
    }),
  );
});

test('a pattern stands for the names that begin with it, or for itself', () => {
  fc.assert(
    fc.property(names(), names(), (name, rest) => {
      assert(covers(name, name) || name.endsWith('*'));
      assert(covers(`${name}*`, name) && covers(`${name}*`, name + rest) && covers('*', name));
      assert.equal(covers(`${name}*`, rest), rest.startsWith(name));
      if (!name.endsWith('*')) assert.equal(covers(name, rest), rest === name);
    }),
  );
});

test('more patterns never allow less', () => {
  const rooms = fc.dictionary(patterns(), fc.uniqueArray(fc.constantFrom('join', 'send', 'watch')), {
    maxKeys: 5,
  });
  fc.assert(
    fc.property(rooms, rooms, names(), (some, more, room) => {
      const both = { rooms: merged(some, more) };
      for (const may of [mayJoin, maySendRoom]) {
        assert.equal(may(both, room), may({ rooms: some }, room) || may({ rooms: more }, room));
      }
    }),
  );
});

type Rooms = Record<string, ('join' | 'send' | 'watch')[]>;

function merged(some: Rooms, more: Rooms): Rooms {
  const all = { ...some };
  for (const [pattern, rights] of Object.entries(more)) all[pattern] = [...(some[pattern] ?? []), ...rights];
  return all;
}

test('names of the language itself are names like any other', () => {
  const rights = rightsOfClaim(JSON.parse('{"rooms": {"__proto__": ["join"], "constructor": ["send"]}}'));
  assert(rights !== undefined);
  assert(mayJoin(rights, '__proto__') && maySendRoom(rights, 'constructor'));
  assert(
    !mayJoin(rights, 'toString') && !mayJoin(noRights, '__proto__') && !maySendRoom(noRights, 'constructor'),
  );
});

test('a claim that is not as the schema says is no claim at all', () => {
  const malformed = [
    null,
    'all',
    [],
    7,
    { rooms: [] },
    { rooms: { a: 'join' } },
    { rooms: { a: ['jion'] } },
    { rooms: { a: [['join']] } },
    { users: [] },
    { users: { send: '*' } },
    { users: { watch: [7] } },
    { users: { send: [''] } },
    { rooms: null },
  ];
  for (const claim of malformed) assert.equal(rightsOfClaim(claim), undefined, JSON.stringify(claim));
});

test('unknown fields of the claim are left out, and what is left is bounded', () => {
  assert.deepEqual(rightsOfClaim({ ...claim, calls: { any: true } }), claim);
  assert.deepEqual(rightsOfClaim({ users: { send: ['a'], call: ['b'] } }), { users: { send: ['a'] } });
  const rooms = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`room-${n}`, ['join']]));
  assert(JSON.stringify({ rooms }).length > RIGHTS_BYTES_MAX);
  assert.equal(rightsOfClaim({ rooms }), undefined);
});

test('any value is either refused or a claim that can be asked', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.jsonValue(), fc.record({ rooms: fc.jsonValue(), users: fc.jsonValue() })),
      (value) => {
        const rights = rightsOfClaim(value);
        if (rights !== undefined) mayWatch(rights, 'r/a', 'b');
      },
    ),
  );
});

function names() {
  return fc.oneof(
    fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'b', '*', '-') }),
    shortText(),
  );
}

function patterns() {
  return fc.tuple(names(), fc.constantFrom('', '*')).map(([name, star]) => name + star);
}

/** Printable, so that it names a channel. */
function shortText() {
  return fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' });
}
