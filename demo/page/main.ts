/**
 * Main: signs in, opens a phone, and joins it with the buttons of the page.
 */

import { connect } from '#client/index.ts';
import { type FlowStats, flowStatsOf, paceText } from './flow-stats.ts';
import { openPhone, type Phone } from './phone.ts';
import { byId, createDrawing, setText } from './phone-view.ts';
import { fetchSetup, fetchToken, randomId, refusalText } from './sign-in.ts';
import { createStatusView } from './status-view.ts';

const setup = await fetchSetup();
const status = createStatusView();
const draw = createDrawing((user) => phone?.happen({ type: 'dial', user, call: randomId() }));
let phone: Phone | undefined;
let stats: FlowStats | undefined;

offerSignIn();
listenToButtons();
setInterval(() => void showMedia(), 1000);

function offerSignIn(): void {
  const name = new URLSearchParams(location.search).get('name') ?? sessionStorage.getItem('name');
  byId('name-field').hidden = !setup.login;
  byId('token-field').hidden = setup.login;
  byId<HTMLInputElement>('name').value = name ?? '';
  byId('sign-in').hidden = false;
  byId(setup.login ? 'name' : 'token').focus();
  byId('sign-in-form').onsubmit = (event) => {
    event.preventDefault();
    void enter();
  };
}

async function enter(): Promise<void> {
  const button = byId<HTMLButtonElement>('enter');
  button.disabled = true;
  setText('sign-in-error', '');
  try {
    phone = await connected();
    byId('sign-in').hidden = true;
    for (const id of ['phone', 'who']) byId(id).hidden = false;
    byId('headline').focus();
  } catch (error) {
    setText('sign-in-error', refusalText(error));
  }
  button.disabled = false;
}

/** From the name or token typed to a phone in the lobby. Every tab is a device of its own. */
async function connected(): Promise<Phone> {
  const name = byId<HTMLInputElement>('name').value.trim();
  const pasted = byId<HTMLTextAreaElement>('token').value.trim();
  const getToken = setup.login ? () => fetchToken(name) : () => pasted;
  await getToken(); // What is wrong with the name is said before anything connects.
  const snowshed = connect({
    url: setup.signaling ?? location.origin,
    getToken,
    device: `tab-${randomId()}`,
  });
  status.follow(snowshed);
  try {
    return await openPhone(snowshed, draw);
  } catch (error) {
    await snowshed.close();
    throw error;
  } finally {
    sessionStorage.setItem('name', name);
  }
}

function listenToButtons(): void {
  byId('answer').onclick = () => phone?.happen({ type: 'answer' });
  byId('decline').onclick = () => phone?.happen({ type: 'decline' });
  byId('hang-up').onclick = () => phone?.happen({ type: 'hangUp' });
  byId('mute').onclick = () => phone?.mute(!phone.view.muted);
  byId('leave').onclick = async () => {
    await phone?.close();
    sessionStorage.clear();
    location.assign('/');
  };
  // A tab that is closed leaves: its call does not ring on, and it does not stay in the lobby.
  addEventListener('pagehide', () => void phone?.close());
}

/** Shows each second that media flows, whatever the signaling does meanwhile. */
async function showMedia(): Promise<void> {
  const before = stats;
  stats = phone?.connection && (await flowStatsOf(phone.connection));
  const fact = byId('fact-media');
  fact.className = stats === undefined ? '' : 'good';
  setText('fact-media', mediaText(before, stats));
  setText(
    'fact-picture',
    phone?.view.ownStream === undefined ? 'off' : phone.view.isPattern ? 'test pattern' : 'camera',
  );
}

function mediaText(before: FlowStats | undefined, after: FlowStats | undefined): string {
  if (after === undefined) return 'none';
  return before === undefined || after.packetsReceived === 0 ? 'connecting…' : paceText(before, after, 1);
}

/** What the end-to-end tests read. */
Object.assign(globalThis, {
  demo: { stats: async () => phone?.connection && (await flowStatsOf(phone.connection)) },
});
