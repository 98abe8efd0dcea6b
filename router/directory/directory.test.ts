import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AttachOp, Member } from '#wire/nodes.ts';
import { expire } from './detach.ts';
import { apply, register, unregister } from './directory.ts';
import { isReachable, membersOf, watchersOf } from './look-up.ts';
import { type Attachment, Crowd, collectRoutes, LIST_MAX } from './place.ts';
import { createDirectory, type Directory, type DirectoryEvents } from './table.ts';

const GRACE_MS = 100;
const channels = ['u/ann', 'r/den', 'r/hall'];

/** One flow as a plain row: what the directory has to agree with. */
interface Row {
  readonly channel: string;
  readonly gateway: string;
  readonly session: string;
  readonly flow: number;
  leaving?: boolean;
}

/** The directory beside a table of rows, and beside a watcher that believes every event. */
class Bench {
  readonly directory: Directory<string>;
  readonly rows: Row[] = [];
  /** Lost sessions by channel and session, and when. */
  readonly lost = new Map<string, number>();
  readonly states = new Map<string, string | undefined>();
  readonly watched = new Map<string, Map<string, Member>>();
  readonly graces: Attachment<string>[] = [];
  nowMs = 1_000;
  ids = 0;

  constructor(sessionsPerUserMax = 1_000) {
    const events: DirectoryEvents<string> = {
      superseded: () => undefined,
      restored: () => undefined,
      changed: (channel, member, present) => {
        if (present) this.watched.get(channel)?.set(member.session, member);
        else this.watched.get(channel)?.delete(member.session);
      },
      watched: (channel) => {
        const members = [...membersOf(this.directory, channel)];
        this.watched.set(channel, new Map(members.map((member) => [member.session, member])));
      },
      lost: (attachment) => this.graces.push(attachment),
    };
    this.directory = createDirectory(events, sessionsPerUserMax, 0);
  }

  now() {
    return { monotonicMs: this.nowMs, wallMs: this.nowMs };
  }

  registration(gateway: string) {
    return (
      this.directory.registrations.get(gateway) ??
      register(this.directory, gateway, ++this.ids, gateway, this.now())
    );
  }

  attach(gateway: string, channel: string, session: string, flow: number, state?: string) {
    const op: AttachOp = {
      op: 'attach',
      channel,
      flow,
      session,
      user: session,
      device: 'd',
      ...(state !== undefined && { state }),
    };
    const answer = apply(this.directory, this.registration(gateway), op, undefined, this.now());
    const key = `${channel} ${session}`;
    const known = this.states.get(key);
    assert.equal(answer?.state, state === undefined ? known : undefined, 'the state that is known');
    this.states.set(key, state ?? known);
    this.lost.delete(key);
    if (
      !this.rows.some(
        (row) =>
          row.gateway === gateway && row.channel === channel && row.flow === flow && row.session === session,
      )
    ) {
      this.rows.push({ channel, gateway, session, flow });
      for (const row of this.rows)
        if (row.channel === channel && row.session === session) row.leaving = false;
    }
  }

  detach(gateway: string, channel: string, session: string, flow: number, left: boolean) {
    apply(
      this.directory,
      this.registration(gateway),
      { op: 'detach', channel, flow, session, left },
      undefined,
      this.now(),
    );
    const same = (row: Row) =>
      row.gateway === gateway && row.channel === channel && row.flow === flow && row.session === session;
    this.takeRows(same, left);
  }

  takeRows(gone: (row: Row) => boolean, left: boolean) {
    const rows = this.rows.filter(gone);
    this.rows.splice(0, this.rows.length, ...this.rows.filter((row) => !gone(row)));
    for (const { channel, session, leaving } of rows) {
      const others = this.rows.filter((row) => row.channel === channel && row.session === session);
      if (left) for (const row of others) row.leaving = true;
      if (others.length > 0) continue;
      if (left || leaving) this.forget(`${channel} ${session}`);
      else this.lost.set(`${channel} ${session}`, this.nowMs);
    }
  }

  forget(key: string) {
    this.lost.delete(key);
    this.states.delete(key);
  }

  lose(gateway: string, begin: boolean) {
    if (begin) register(this.directory, gateway, ++this.ids, gateway, this.now());
    else unregister(this.directory, gateway, this.now());
    this.takeRows((row) => row.gateway === gateway, false);
    for (const channel of channels)
      if ([...watchersOf(this.directory, channel)].length === 0) this.watched.delete(channel);
  }

  setState(gateway: string, channel: string, session: string, state: string) {
    apply(
      this.directory,
      this.registration(gateway),
      { op: 'state', channel, session, state },
      undefined,
      this.now(),
    );
    const key = `${channel} ${session}`;
    if (this.lost.has(key) || this.rows.some((row) => row.channel === channel && row.session === session))
      this.states.set(key, state);
  }

  watch(gateway: string, channel: string, flow: number) {
    const op: AttachOp = { op: 'attach', channel, flow, session: 'w', user: 'w', device: 'd', watch: true };
    apply(this.directory, this.registration(gateway), op, undefined, this.now());
  }

  unwatch(gateway: string, channel: string, flow: number) {
    const op = { op: 'detach', channel, flow, session: 'w', left: true, watch: true } as const;
    apply(this.directory, this.registration(gateway), op, undefined, this.now());
    if ([...watchersOf(this.directory, channel)].length === 0) this.watched.delete(channel);
  }

  pass(ms: number) {
    this.nowMs += ms;
    for (const attachment of this.graces) expire(this.directory, attachment, GRACE_MS, this.nowMs);
    for (const [key, lostAtMs] of [...this.lost]) if (lostAtMs + GRACE_MS <= this.nowMs) this.forget(key);
  }

  check() {
    for (const channel of channels) {
      const rows = this.rows.filter((row) => row.channel === channel);
      const routes: string[] = [];
      const count = collectRoutes(this.directory.places.get(channel), routes);
      assert.equal(routes.length, count);
      assert.deepEqual(
        routes.sort(),
        [...new Set(rows.map(({ gateway }) => gateway))].sort(),
        `routes of ${channel}`,
      );
      const lost = [...this.lost.keys()]
        .filter((key) => key.startsWith(`${channel} `))
        .map((key) => key.slice(channel.length + 1));
      const members = [...membersOf(this.directory, channel)];
      const expected = [...new Set([...rows.map(({ session }) => session), ...lost])].sort();
      assert.deepEqual(members.map(({ session }) => session).sort(), expected, `members of ${channel}`);
      for (const { session, state } of members) assert.equal(state, this.states.get(`${channel} ${session}`));
      const believed = this.watched.get(channel);
      if (believed !== undefined)
        assert.deepEqual(sorted(believed.values()), sorted(members), `what watchers of ${channel} believe`);
      for (const session of ['s0', 's1']) {
        const reachable = rows.some((row) => row.session !== session);
        assert.equal(isReachable(this.directory, { channel, fromSession: session }), reachable);
      }
    }
    const held = [...this.directory.registrations.values()].reduce(
      (sum, { attachments }) => sum + attachments.size,
      0,
    );
    assert.equal(held, this.rows.length);
    for (const place of this.directory.places.values()) {
      if (place instanceof Crowd)
        assert(place.sessions.size + place.watchers.size > 0, 'an empty crowd is kept');
    }
  }
}

const sorted = (members: Iterable<Member>) => [...members].sort((a, b) => (a.session < b.session ? -1 : 1));

const gateways = fc.constantFrom('g0', 'g1', 'g2');
const someChannel = fc.constantFrom(...channels);
const sessions = fc.nat(11).map((n) => `s${n}`);
const flows = fc.nat(2);
const steps = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(
      fc.constant('attach'),
      gateways,
      someChannel,
      sessions,
      flows,
      fc.option(fc.constantFrom('1', '2')),
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constant('detach'), gateways, someChannel, sessions, flows, fc.boolean()),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('lose'), gateways, fc.boolean()) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('state'),
      gateways,
      someChannel,
      sessions,
      fc.constantFrom('1', '2', '3'),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('watch'), gateways, someChannel, flows) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('unwatch'), gateways, someChannel, flows) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('pass'), fc.nat(80)) },
);

function take(bench: Bench, step: readonly unknown[]) {
  const [kind, a, b, c, d, e] = step as [string, ...never[]];
  switch (kind) {
    case 'attach':
      bench.attach(a!, b!, c!, d!, e ?? undefined);
      break;
    case 'detach':
      bench.detach(a!, b!, c!, d!, e!);
      break;
    case 'lose':
      bench.lose(a!, b!);
      break;
    case 'state':
      bench.setState(a!, b!, c!, d!);
      break;
    case 'watch':
      bench.watch(a!, b!, c!);
      break;
    case 'unwatch':
      bench.unwatch(a!, b!, c!);
      break;
    default:
      bench.pass(a!);
  }
}

describe('directory', () => {
  test('routes, members, states and what watchers believe agree with a plain table, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 80, size: 'max' }), (all) => {
        const bench = new Bench();
        for (const step of all) {
          take(bench, step);
          bench.check();
        }
      }),
    );
  });

  test('a place that empties leaves nothing behind', () => {
    const bench = new Bench();
    const many = Array.from({ length: LIST_MAX * 3 }, (_, i) => `s${i}`);
    for (const session of many) bench.attach('g0', 'r/den', session, 1);
    assert(bench.directory.places.get('r/den') instanceof Crowd);
    for (const session of many) bench.detach('g0', 'r/den', session, 1, true);
    bench.check();
    assert.equal(bench.directory.places.size, 0);
  });
});
