/**
 * Status view: how the signaling stands, in one line, and how far a wait has come.
 */

import type { Events, Snowshed, Status } from '#client/index.ts';
import { byId, setText } from './phone-view.ts';

interface Shown {
  readonly status: Status;
  /** Set while the service has this client wait in its queue. */
  readonly queue: Events['wait'] | undefined;
}

/** The SDK says once how long a wait is; the page counts it down. */
export function createStatusView(): { follow(snowshed: Snowshed): void } {
  let shown: Shown | undefined;
  let sinceMs = 0;
  /** The longest wait since the connection stood, so that the bar never goes back. */
  let longestMs = 0;

  function show(next: Shown): void {
    if (next.status.state === 'open') longestMs = 0;
    shown = next;
    sinceMs = performance.now();
    draw();
  }

  function draw(): void {
    if (shown === undefined) return;
    const leftMs = Math.max(0, waitMsOf(shown) - (performance.now() - sinceMs));
    longestMs = Math.max(longestMs, leftMs);
    drawPill(shown.status, textOf(shown, leftMs));
    drawProgress(isWaiting(shown.status) && longestMs > 0, 1 - leftMs / longestMs);
  }

  setInterval(draw, 250);
  return {
    follow(snowshed) {
      show({ status: snowshed.status, queue: undefined });
      snowshed.on('status', (status) => show({ status, queue: undefined }));
      snowshed.on('wait', (queue) => show({ status: snowshed.status, queue }));
    },
  };
}

function isWaiting({ state }: Status): boolean {
  return state === 'connecting' || state === 'away';
}

function waitMsOf({ status, queue }: Shown): number {
  return queue?.etaMs ?? (status.state === 'away' ? status.inMs : 0);
}

function textOf({ status, queue }: Shown, leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  if (queue !== undefined) return `In the queue: ${queue.ahead} ahead, about ${seconds} s`;
  switch (status.state) {
    case 'connecting':
      return 'Connecting…';
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
