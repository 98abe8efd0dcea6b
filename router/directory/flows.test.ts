import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AttachOp } from '#wire/nodes.ts';
import { apply, register, unregister } from './directory.ts';
import { membersOf } from './look-up.ts';
import { createDirectory, type DirectoryEvents } from './table.ts';

const gateways = fc.constantFrom('g0', 'g1', 'g2');

describe('the order of flows', () => {
  interface Flow {
    readonly gateway: string;
    readonly order: number;
  }
  const setUp = () => {
    const superseded: string[] = [];
    const restored: string[] = [];
    const events: DirectoryEvents<string> = {
      superseded: (route, _session, flow, mode) => superseded.push(`${route}/${flow} ${mode}`),
      restored: (route, _session, flow) => restored.push(`${route}/${flow}`),
      changed: () => undefined,
      watched: () => undefined,
      lost: () => undefined,
    };
    const directory = createDirectory(events, 10, 5_000);
    let ids = 0;
    const at = (gateway: string) =>
      directory.registrations.get(gateway) ??
      register(directory, gateway, ++ids, gateway, { monotonicMs: 0, wallMs: 0 });
    const attach = (gateway: string, flow: number, more: Partial<AttachOp>, wallMs: number) => {
      const op: AttachOp = {
        op: 'attach',
        channel: 'u/ann',
        flow,
        session: 's',
        user: 'ann',
        device: 'd',
        ...more,
      };
      return apply(directory, at(gateway), op, undefined, { monotonicMs: 0, wallMs });
    };
    const leave = (gateway: string, flow: number, left = true) => {
      const op = { op: 'detach', channel: 'u/ann', flow, session: 's', left } as const;
      apply(directory, at(gateway), op, undefined, { monotonicMs: 0, wallMs: 0 });
    };
    return { directory, superseded, restored, attach, leave };
  };

  test('every first attach is younger than all before, whatever the wall clock says', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(gateways, fc.nat(20_000)), { minLength: 1 }), (arrivals) => {
        const { attach } = setUp();
        const flows: Flow[] = [];
        for (const [i, [gateway, wallMs]] of arrivals.entries()) {
          const answer = attach(gateway, i, { mode: 'add' }, wallMs);
          assert(
            answer?.order !== undefined && answer.order > Math.max(5_000, ...flows.map(({ order }) => order)),
          );
          assert.equal(answer.superseded, undefined);
          flows.push({ gateway, order: answer.order });
        }
      }),
    );
  });

  test('announced in any sequence, each flow but the youngest is superseded by answer or by event', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 6_000, max: 9_000 }), { minLength: 2, maxLength: 12 }),
        (orders) => {
          const { attach, superseded } = setUp();
          const told = new Set<number>();
          for (const [flow, order] of orders.entries()) {
            const answer = attach(`g${flow % 3}`, flow, { mode: 'add', order }, 0);
            assert.equal(answer?.order, order);
            if (answer?.superseded !== undefined) told.add(flow);
          }
          for (const line of superseded) told.add(Number(/\/(\d+) /.exec(line)?.[1]));
          const youngest = orders.indexOf(Math.max(...orders));
          assert.deepEqual(
            [...told].sort((a, b) => a - b),
            orders.map((_, flow) => flow).filter((flow) => flow !== youngest),
          );
        },
      ),
    );
  });

  test('whichever flows are lost, the youngest that is left has the sends, and knows', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 6_000, max: 9_000 }), { minLength: 2, maxLength: 9 }),
        fc.array(fc.tuple(fc.nat(8), fc.boolean())),
        (orders, losses) => {
          const { attach, leave, superseded, restored, directory } = setUp();
          const has = new Map<number, boolean>();
          const heed = () => {
            for (const line of superseded.splice(0)) has.set(Number(/\/(\d+) /.exec(line)?.[1]), false);
            for (const line of restored.splice(0)) has.set(Number(line.split('/')[1]), true);
          };
          for (const [flow, order] of orders.entries()) {
            const answer = attach(`g${flow % 3}`, flow, { mode: 'add', order }, 0);
            heed();
            has.set(flow, answer?.superseded === undefined);
          }
          for (const [flow, gatewayDies] of losses) {
            if (gatewayDies) unregister(directory, `g${flow % 3}`, { monotonicMs: 0, wallMs: 0 });
            else leave(`g${flow % 3}`, flow, false);
            for (const other of [...has.keys()])
              if (gatewayDies ? other % 3 === flow % 3 : other === flow) has.delete(other);
            heed();
            for (const other of [...has.keys()]) if (gatewayDies && other % 3 === flow % 3) has.delete(other);
            const left = [...has.keys()];
            const youngest = Math.max(...left.map((other) => orders[other] as number));
            for (const other of left)
              assert.equal(has.get(other), orders[other] === youngest, `flow ${other}`);
          }
        },
      ),
    );
  });

  test('a flow attached again keeps its order', () => {
    const { attach, directory } = setUp();
    const first = attach('g0', 1, { mode: 'replace' }, 7_000);
    register(directory, 'g0', 99, 'g0', { monotonicMs: 0, wallMs: 0 });
    assert.equal(attach('g0', 1, { mode: 'replace' }, 8_000)?.order, first?.order);
  });

  test('goodbye on one flow closes the others, whichever it is said on, but for one that came in its place', () => {
    for (const [mode, leaver, told] of [
      ['add', 1, ['g1/2 replace']],
      ['add', 2, ['g0/1 replace']],
      ['replace', 2, ['g0/1 replace']],
      ['replace', 1, []],
    ] as const) {
      const { attach, leave, superseded, directory } = setUp();
      attach('g0', 1, { mode: 'replace' }, 7_000);
      attach('g1', 2, { mode }, 8_000);
      superseded.length = 0;
      leave(`g${leaver - 1}`, leaver);
      assert.deepEqual(superseded, told, `${mode}, said on ${leaver}`);
      unregister(directory, `g${2 - leaver}`, { monotonicMs: 0, wallMs: 0 });
      const stays = [...membersOf(directory, 'u/ann')].length;
      assert.equal(stays, told.length === 0 ? 1 : 0, 'whoever has left does not stay for the grace time');
    }
  });
});
