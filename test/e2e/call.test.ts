/**
 * Tests of the demo page against the one-process mode: people in real browsers who call each other.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { createHmacIssuer, everyRight } from '../harness/tokens.ts';
import { useVisitors, type Visitor } from './visitor.ts';

const issuer = createHmacIssuer();
const visitors = useVisitors();
let fleet: Fleet | undefined;
/** Of the one that trusts an issuer, so that its demo login is off. */
let closedFleet: Fleet | undefined;

before(async () => {
  fleet = await startFleet({ gateways: 0, routers: 0, env: {} });
  closedFleet = await startFleet({ gateways: 0, routers: 0, env: issuer.env });
});
after(async () => {
  await fleet?.stop();
  await closedFleet?.stop();
});

function urlOf(fleet: Fleet | undefined): string {
  return (fleet?.urls()[0] ?? '').replace(/^ws/, 'http');
}

async function visit(name: string): Promise<Visitor> {
  const visitor = await visitors.visit({ url: urlOf(fleet), name });
  await visitor.sees('status', /^Connected/);
  return visitor;
}

test('two people see each other in the lobby, call, talk, and hang up', async () => {
  const ann = await visit('ann');
  const bob = await visit('bob');
  await ann.press('call-bob');
  await bob.sees('headline', /^ann is calling$/);
  await ann.sees('subline', /It rings there/);
  await bob.press('answer');
  await Promise.all([ann.mediaGrows(), bob.mediaGrows()]);
  await ann.sees('headline', /^bob$/);

  const [atAnn, atBob] = await Promise.all([ann.ladder(), bob.ladder()]);
  const said = (ladder: readonly string[]) => ladder.filter((kind) => kind !== 'candidate');
  assert.deepEqual(said(atAnn), ['offer', 'ringing', 'answer']);
  assert.deepEqual(said(atBob), ['offer', 'ringing', 'answer', 'answered-elsewhere']);

  await bob.press('mute');
  assert.equal(await bob.page.getByTestId('mute').getAttribute('aria-pressed'), 'true');
  await bob.press('hang-up');
  await ann.sees('headline', /^bob hung up$/);
  await bob.sees('headline', /^Call ended$/);
  assert.equal(await ann.stats(), undefined, 'the peer connection is closed');
});

test('who does not want to talk declines, and the caller may give up before', async () => {
  const cara = await visit('cara');
  const dan = await visit('dan');
  await cara.press('call-dan');
  await dan.press('decline');
  await cara.sees('headline', /^dan declined$/);
  await cara.press('call-dan');
  await dan.sees('headline', /^cara is calling$/);
  await cara.press('hang-up');
  await dan.sees('headline', /^Missed a call from cara$/);
  await dan.hides('answer');
});

test('a second device rings too, and stops when the first one answers', async () => {
  const eli = await visit('eli');
  const phone = await visit('fay');
  const desk = await visit('fay');
  await phone.sees('siblings', /one more device/);
  await eli.press('call-fay');
  await Promise.all([phone, desk].map((fay) => fay.sees('headline', /^eli is calling$/)));
  await desk.press('answer');
  await phone.sees('headline', /^Answered on another device$/);
  await Promise.all([eli.mediaGrows(), desk.mediaGrows()]);
  assert.equal(await phone.stats(), undefined);
  await eli.press('hang-up');
  await desk.sees('headline', /^eli hung up$/);
  assert.deepEqual(await phone.ladder('service'), ['answered-elsewhere']);
});

test('two who call each other at the same moment talk, and nobody has to answer', async () => {
  const gus = await visit('gus');
  const hal = await visit('hal');
  // Their cameras take long to open, so both have pressed before either offer leaves.
  await Promise.all([gus, hal].map(({ page }) => page.evaluate(slowCamera)));
  await Promise.all([gus.press('call-hal'), hal.press('call-gus')]);
  await Promise.all([gus.mediaGrows(), hal.mediaGrows()]);
  const [one, other] = await Promise.all([gus, hal].map((visitor) => visitor.ladder()));
  assert.equal(one?.filter((kind) => kind === 'answer').length, 1);
  assert.equal(other?.filter((kind) => kind === 'answer').length, 1);
});

const slowCamera = `{
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) =>
    new Promise((resolve) => setTimeout(resolve, 2000)).then(() => open(wanted));
}`;

test('whose browser crashed finds the call waiting, and answers it', async () => {
  const ida = await visit('ida');
  const jon = await visit('jon');
  await ida.sees('people', /jon/);
  await jon.crash();
  await ida.press('call-jon');
  await ida.sees('subline', /^Not connected right now/);
  const again = await visit('jon');
  await again.sees('headline', /^ida is calling$/);
  await again.press('answer');
  await Promise.all([ida.mediaGrows(), again.mediaGrows()]);
});

test('a token without the right does not enter the lobby, one with it does', async () => {
  const url = urlOf(closedFleet);
  const rights = { ...everyRight, rooms: { 'team-*': ['join', 'send', 'watch'] } };
  const eve = await visitors.visit({ url, token: issuer.token('eve', { rights }) });
  await eve.sees('error', /does not carry the right to enter the lobby/);
  await eve.hides('people');
  const ann = await visitors.visit({ url, token: issuer.token('ann') });
  await ann.sees('me', /^ann$/);
});

test('with an issuer named, nobody is given a token for a name', async () => {
  const url = urlOf(closedFleet);
  const answer = await fetch(`${url}/demo/token?name=ann`, { method: 'POST', headers: { Origin: url } });
  assert.equal(answer.status, 404);
  assert.deepEqual(await (await fetch(`${url}/demo/setup.json`)).json(), { login: false });
});

test('another site gets no token, whatever its name points at', async () => {
  const url = urlOf(fleet);
  for (const Origin of ['http://evil.example', `http://evil.example:${new URL(url).port}`, 'null']) {
    const answer = await fetch(`${url}/demo/token?name=ann`, { method: 'POST', headers: { Origin } });
    assert.equal(answer.status, 403);
  }
  const { headers } = await fetch(url);
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'self'.*frame-ancestors 'none'/);
});
