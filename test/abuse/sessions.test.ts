import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe } from 'node:test';
import { promisify } from 'node:util';
import type { RawClient } from '../harness/raw-client.ts';
import { acked, sendsAt, useStage } from '../harness/stage.ts';
import { abuseTest, useAttacker } from './abuse.ts';

const root = join(import.meta.dirname, '..', '..');
const repeats = 500;
const thefts = 6;

describe('a session in wrong hands, or repeated, or revoked', () => {
  const stage = useStage({ transport: 'websocket', issuer: 'hmac', gateways: 2, routers: 1 });
  const given = useAttacker();

  abuseTest(
    'a send repeated five hundred times, by the same session and by others of the device, is stored once',
    stage,
    given,
    {},
    async ({ pair }) => {
      const [ann, bob] = [stage.name('ann'), stage.name('bob')];
      const recipient = await stage.open(bob);
      const message = { type: 'send', id: 'again', to: { user: bob }, kind: 'k', body: 'once' };
      await pair.abused(async () => {
        let sender = await stage.open(ann);
        const position = await sendsAt(sender, { user: bob }, 'once', { id: 'again', kind: 'k' });
        for (let n = 0; n < repeats; n++) {
          // Now and then by a new flow of the session, or by a new session of the device, at the other gateway.
          if (n % 100 === 50) sender = await stage.resume(sender);
          if (n % 100 === 99) sender = await stage.open(ann);
          assert.equal(acked(await sender.request(message)).position, position);
          if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
        }
      });
      await sendsAt(await stage.open(ann), { user: bob }, 'the end');
      await recipient.nextBody('the end');
      assert.deepEqual(
        recipient.frames().map(({ body }) => body),
        ['once', 'the end'],
      );
    },
  );

  abuseTest(
    'a stolen resume token, used here and there: the older flow has to go, nobody gets a frame twice',
    stage,
    given,
    { REPLACED: thefts },
    async ({ pair }) => {
      const [ann, bob] = [stage.name('ann'), stage.name('bob')];
      const sender = await stage.open(ann);
      const owner = await stage.open(bob);
      const flows: RawClient[] = [owner];
      let sent = 0;
      await pair.abused(async () => {
        for (let n = 0; n < thefts; n++) {
          const older = flows.at(-1)!;
          for (let m = 0; m < 5; m++) await sendsAt(sender, { user: bob }, `frame ${++sent}`);
          await older.nextBody(`frame ${sent}`);
          flows.push(await stage.resume(older));
          assert.equal((await older.closed).fault, 'REPLACED');
        }
      });
      await sendsAt(sender, { user: bob }, `frame ${++sent}`);
      await flows.at(-1)!.nextBody(`frame ${sent}`);
      const bodies = flows.flatMap((flow) => flow.frames().map(({ body }) => body));
      assert.deepEqual(
        bodies,
        Array.from({ length: sent }, (_, i) => `frame ${i + 1}`),
      );
    },
  );

  abuseTest(
    'a user who is revoked in the middle of a call goes within two seconds, and the other talks on',
    stage,
    given,
    { REVOKED: 1 },
    async ({ pair }) => {
      const [ann, bob, cara] = [stage.name('ann'), stage.name('bob'), stage.name('cara')];
      const [caller, callee, third] = [await stage.open(ann), await stage.open(bob), await stage.open(cara)];
      const call = { call: 'c1', kind: 'candidate' };
      await pair.abused(async () => {
        await sendsAt(caller, { user: bob }, 'offer', { call: 'c1', kind: 'offer' });
        await callee.nextBody('offer');
        const talking = talksOn(callee, ann, call);
        const env = { PATH: process.env['PATH'] ?? '', ...stage.fleet.env };
        await promisify(execFile)(process.execPath, ['ops/revoke.ts', '--user', ann], { cwd: root, env });
        assert.equal((await caller.next('bye', undefined, 2_000)).fault, 'REVOKED');
        assert.equal((await caller.closed).code, 4403);
        // The other talks to a third all the while, and to who has gone; nothing is refused.
        await talksOn(callee, cara, call);
        await talking;
      });
      await third.nextBody('frame 19');
      assert.equal(callee.closing, undefined);
      assert.equal(third.frames().length, 20);
    },
  );

  async function talksOn(client: RawClient, user: string, options: { call: string; kind: string }) {
    for (let n = 0; n < 20; n++) {
      await sendsAt(client, { user }, `frame ${n}`, options);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
