/**
 * Status view: how the signaling stands, in one line, and how far a wait has come.
 */

import type { Snowshed, Status } from '#client/index.ts';
import { byId, setText } from './phone-view.ts';

/** The SDK says once how long a wait is; the page counts it down. */
export function createStatusView(): { follow(snowshed: Snowshed): void } {
  let shown: Status | undefined;
  let sinceMs = 0;
  /** The longest wait since the connection stood, so that the bar never goes back. */
  let longestMs = 0;

  function show(next: Status): void {
    if (next.state === 'open') longestMs = 0;
    shown = next;
    sinceMs = performance.now();
    draw();
  }

  function draw(): void {
    if (shown === undefined) return;
    const leftMs = Math.max(0, waitMsOf(shown) - (performance.now() - sinceMs));
    longestMs = Math.max(longestMs, leftMs);
    drawPill(shown, textOf(shown, leftMs));
    drawProgress(isWaiting(shown) && longestMs > 0, 1 - leftMs / longestMs);
  }

  setInterval(draw, 250);
  return {
    follow(snowshed) {
      show(snowshed.status);
      snowshed.on('status', show);
    },
  };
}

function isWaiting({ state }: Status): boolean {
  return state === 'connecting' || state === 'away';
}

function waitMsOf(status: Status): number {
  if (status.state === 'away') return status.inMs;
  return status.state === 'connecting' ? (status.queue?.etaMs ?? 0) : 0;
}

function textOf(status: Status, leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  switch (status.state) {
    case 'connecting':
      if (status.queue === undefined) return 'Connecting…';
      return `In the queue: ${status.queue.ahead} ahead, about ${seconds} s`;
    case 'away':
      return seconds > 0 ? `Reconnecting… in ${seconds} s` : 'Reconnecting…';
    case 'open':
      return status.resumed ? 'Connected, resumed' : 'Connected';
    case 'closed':
      return status.error === undefined ? 'Not connected' : `Not connected: ${status.error.fault}`;
  }
}

const transports = { websocket: 'WebSocket', poll: 'Long poll' } as const;

function drawPill(status: Status, text: string): void {
  byId('status').hidden = false;
  byId('status').dataset['state'] = status.state;
  setText('status', text);
  byId('fact-signaling').className = status.state === 'open' ? 'good' : 'warn';
  setText('fact-signaling', status.state === 'open' ? transports[status.transport] : text);
}

function drawProgress(visible: boolean, value: number): void {
  const progress = byId<HTMLProgressElement>('progress');
  progress.hidden = !visible;
  if (visible) progress.value = value;
}
