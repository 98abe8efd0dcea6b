/**
 * Phone view: puts what a phone shows into the page.
 */

import type { CallState, Why } from './call.ts';
import { createLadderView } from './ladder-view.ts';
import { hueOf, type Person } from './people.ts';
import type { PhoneView } from './screen.ts';

export function byId<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** Draws a view, as often as it changes. `dial` is called when a name is chosen. */
export function createDrawing(dial: (user: string) => void): (view: PhoneView) => void {
  const ladder = createLadderView(byId('ladder'));
  let people: readonly Person[] | undefined;
  let wasIdle = true;
  return (view) => {
    const isIdle = view.call.phase === 'idle';
    byId('me').textContent = view.me.user;
    drawStage(view);
    drawControls(view.call, view.muted);
    if (view.people !== people || isIdle !== wasIdle) drawPeople(view, dial);
    ladder.draw(view.ladder, view.me.user);
    people = view.people;
    wasIdle = isIdle;
  };
}

// The stage.

function drawStage(view: PhoneView): void {
  const { call } = view;
  const [headline, subline] = captionOf(call, view.isPattern);
  setText('headline', headline);
  setText('subline', subline);
  document.title = call.phase === 'ringing' ? `${call.peer.user} is calling` : 'Snowshed';
  byId('screen').dataset['phase'] = call.phase;
  play('own-video', view.ownStream);
  play('peer-video', call.phase === 'talking' ? view.peerStream : undefined);
  drawAvatar(otherSide(call) ?? view.me.user);
}

function captionOf(call: CallState, isPattern: boolean): readonly [headline: string, subline: string] {
  switch (call.phase) {
    case 'idle':
      return call.ended === undefined
        ? ['Ready', 'Call somebody from the lobby, or wait to be called.']
        : [endText(call.ended.why, call.ended.user), ''];
    case 'calling':
      return [`Calling ${call.user}`, reachTexts[call.reach]];
    case 'ringing':
      return [`${call.peer.user} is calling`, 'Rings on all your devices.'];
    case 'answering':
      return [call.peer.user, 'Opening camera and microphone…'];
    case 'talking':
      return [call.peer.user, call.media === 'flowing' && isPattern ? patternText : mediaTexts[call.media]];
  }
}

const patternText = 'No camera here, so a test pattern is sent.';

const reachTexts = {
  preparing: 'Opening camera and microphone…',
  sent: 'The service has the offer.',
  ringing: 'It rings there.',
  away: 'Not connected right now. The offer waits for 30 seconds.',
} as const;

const mediaTexts = {
  connecting: 'Connecting media…',
  flowing: '',
  interrupted: 'Media is interrupted…',
} as const;

function endText(why: Why, user: string): string {
  const texts: { readonly [Reason in Why]: string } = {
    'hung-up': 'Call ended',
    'hung-up-by-peer': `${user} hung up`,
    declined: 'Call declined',
    'declined-by-peer': `${user} declined`,
    busy: `${user} is in another call`,
    'no-answer': `${user} did not answer`,
    missed: `Missed a call from ${user}`,
    'answered-elsewhere': 'Answered on another device',
    'declined-elsewhere': 'Declined on another device',
    'media-lost': 'Media was lost',
    'media-failed': 'Camera or connection could not be set up',
    refused: `The service refused the call to ${user}`,
  };
  return texts[why];
}

function otherSide(call: CallState): string | undefined {
  if (call.phase === 'idle') return call.ended?.user;
  return call.phase === 'calling' ? call.user : call.peer.user;
}

function drawAvatar(user: string): void {
  const avatar = byId('avatar');
  avatar.textContent = initial(user);
  byId('screen').style.setProperty('--hue', `${hueOf(user)}`);
}

function play(id: string, stream: MediaStream | undefined): void {
  const video = byId<HTMLVideoElement>(id);
  video.hidden = stream === undefined;
  if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
}

function drawControls(call: CallState, muted: boolean): void {
  const { phase } = call;
  byId('answer').hidden = phase !== 'ringing';
  byId('decline').hidden = phase !== 'ringing';
  byId('mute').hidden = phase !== 'talking';
  byId('mute').setAttribute('aria-pressed', `${muted}`);
  byId('hang-up').hidden = phase === 'idle' || phase === 'ringing';
  setText('hang-up', phase === 'calling' ? 'Cancel' : 'Hang up');
}

// The lobby.

function drawPeople({ people, siblings, call }: PhoneView, dial: (user: string) => void): void {
  const focused = document.activeElement?.getAttribute('data-testid');
  byId('people').replaceChildren(...people.map((person) => personItem(person, call.phase === 'idle', dial)));
  if (focused?.startsWith('call-'))
    byId('people')
      .querySelector<HTMLElement>(`[data-testid="${CSS.escape(focused)}"]`)
      ?.focus();
  byId('alone').hidden = people.length > 0;
  byId('siblings').hidden = siblings === 0;
  setText('siblings', `You are here on ${siblings === 1 ? 'one more device' : `${siblings} more devices`}.`);
}

function personItem(person: Person, mayDial: boolean, dial: (user: string) => void): HTMLElement {
  const item = document.createElement('li');
  const dot = document.createElement('span');
  const words = document.createElement('div');
  const name = document.createElement('strong');
  const button = document.createElement('button');
  dot.className = 'dot';
  words.className = 'about';
  dot.ariaHidden = 'true';
  dot.style.setProperty('--hue', `${hueOf(person.user)}`);
  dot.textContent = initial(person.user);
  name.textContent = person.user;
  words.append(name, small(personFact(person)));
  button.type = 'button';
  button.textContent = 'Call';
  button.ariaLabel = `Call ${person.user}`;
  button.dataset['testid'] = `call-${person.user}`;
  button.disabled = !mayDial;
  button.onclick = () => dial(person.user);
  item.append(dot, words, button);
  return item;
}

function personFact({ inCall, devices }: Person): string {
  if (inCall) return 'in a call';
  return devices === 1 ? 'here' : `here on ${devices} devices`;
}

function small(text: string): HTMLElement {
  const made = document.createElement('small');
  made.textContent = text;
  return made;
}

function initial(user: string): string {
  return (Array.from(user)[0] ?? '').toUpperCase();
}

/** Leaves equal text alone, so that screen readers do not say it twice. */
export function setText(id: string, text: string): void {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}
