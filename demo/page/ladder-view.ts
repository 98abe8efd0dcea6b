/**
 * Ladder view: draws a ladder into a list; what did not change is left alone.
 */

import type { Ladder, Lane, Note, Rung } from './ladder.ts';

type Row = Rung | Note;

export interface LadderView {
  draw(ladder: Ladder | undefined, me: string): void;
}

const lanes: readonly Lane[] = ['caller', 'service', 'callee'];

export function createLadderView(panel: HTMLElement): LadderView {
  const list = panel.querySelector('ol') as HTMLElement;
  const names = panel.querySelector('.lanes') as HTMLElement;
  let drawn: readonly Row[] = [];
  return {
    draw(ladder, me) {
      panel.classList.toggle('empty', ladder === undefined);
      const rows = ladder?.rows ?? [];
      if (rows === drawn) return;
      names.replaceChildren(...(ladder === undefined ? [] : laneNames(ladder, me)));
      rows.forEach((row, index) => {
        if (row !== drawn[index]) put(list, index, row, ladder as Ladder);
      });
      while (list.children.length > rows.length) list.lastElementChild?.remove();
      if (rows.length > drawn.length) list.scrollTop = list.scrollHeight;
      drawn = rows;
    },
  };
}

function laneNames({ caller, callee }: Ladder, me: string): HTMLElement[] {
  return [caller, 'Snowshed', callee].map((name, index) => {
    const isService = index === 1;
    return element('span', isService ? 'lane service' : 'lane', !isService && name === me ? 'you' : name);
  });
}

function put(list: HTMLElement, index: number, row: Row, ladder: Ladder): void {
  const item = row.type === 'note' ? noteItem(row) : rungItem(row, ladder);
  const old = list.children[index];
  if (old === undefined) list.append(item);
  else {
    item.classList.add('settled');
    old.replaceWith(item);
  }
}

function noteItem(note: Note): HTMLElement {
  const item = element('li', `note ${note.tone}`);
  const band = element('div', '');
  band.append(element('span', 'words', note.text));
  item.append(element('time', '', secondsText(note.atMs)), band);
  return item;
}

function rungItem(rung: Rung, ladder: Ladder): HTMLElement {
  const item = element('li', `rung ${rung.state}`);
  item.dataset['kind'] = rung.kind;
  item.dataset['from'] = rung.from;
  item.setAttribute('aria-label', spoken(rung, ladder));
  const track = element('div', 'track');
  const [first, last] = [lanes.indexOf(rung.from), lanes.indexOf(rung.to)];
  const way = last > first ? 'forth' : 'back';
  const near = last > first ? first : first - 1;
  track.append(hop(near, `${way} first`, element('span', 'words', kindText(rung))));
  // Half of a rung may be missing, where the service is one end of it; there is room for the fact all the same.
  const isWhole = Math.abs(last - first) === 2;
  track.append(hop(1 - near, isWhole ? `${way} second` : 'none', element('small', 'fact', factText(rung))));
  item.append(element('time', '', secondsText(rung.atMs)), track);
  return item;
}

/** From one lane to the next; `column` 0 lies between the caller and the service. */
function hop(column: number, className: string, words: HTMLElement): HTMLElement {
  const made = element('span', `hop ${className}`);
  made.dataset['column'] = `${column}`;
  made.append(words);
  return made;
}

function kindText({ kind, ids }: Rung): string {
  return ids.length > 1 ? `${kind} ×${ids.length}` : kind;
}

function factText({ state, ms, fault }: Rung): string {
  switch (state) {
    case 'sending':
      return 'waiting for ack';
    case 'refused':
      return fault ?? 'refused';
    case 'stored':
      return `ack ${milliseconds(ms)}`;
    case 'received':
      return `${milliseconds(ms)} under way`;
  }
}

function spoken(rung: Rung, { caller, callee }: Ladder): string {
  const names = { caller, callee, service: 'Snowshed' };
  return `${secondsText(rung.atMs)}: ${kindText(rung)} from ${names[rung.from]} to ${names[rung.to]}, ${factText(rung)}`;
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

function milliseconds(ms = 0): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}
