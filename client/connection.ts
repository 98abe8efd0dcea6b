/**
 * Connection: keeps one welcomed link to the service, whatever happens to networks, gateways and tokens.
 *
 * `reconnect.ts` says when to try, `transport-choice.ts` how; this shell opens links, tells what came of
 * them, renews the token in band, and changes to a second link before it gives up the first where the network
 * changes under it.
 */

import { faultDefinition, isFaultCode } from '#wire/faults.ts';
import type { Cursor, ServerMessage } from '#wire/messages.ts';
import { addressFor, isAddress } from './addresses.ts';
import type { Off, Queue, SnowshedError, Status } from './api.ts';
import { createLink, type Link, type LinkEnd, PROBE_MS, type Welcome } from './link.ts';
import type { Platform } from './platform.ts';
import { openPollFlow } from './poll-flow.ts';
import { type Reconnect, type ReconnectEvent, reconnect, spreadUntilTold, started } from './reconnect.ts';
import { replacements } from './replaced.ts';
import { errorOf, unlessAborted } from './requests.ts';
import { areWindows, timeOf } from './times.ts';
import * as transports from './transport-choice.ts';
import { openWebSocketFlow } from './websocket-flow.ts';

export interface ConnectionSettings {
  readonly url: string;
  readonly getToken: (signal: AbortSignal) => string | Promise<string>;
  readonly device: string;
  readonly onlyLongPoll: boolean;
  /** Of an earlier life of this page. */
  readonly resume: string | undefined;
}

export interface ConnectionEvents {
  status(status: Status): void;
  waiting(queue: { readonly etaMs: number; readonly ahead: number }): void;
  /**
   * A link stands: from now on everything is sent on it. `moved`: it did before, and goes on at another
   * gateway.
   */
  up(link: Link, welcome: Welcome, moved: boolean): void;
  down(): void;
  /** From any link that was welcomed; `newest`: it is the one that `up` told last. */
  received(link: number, message: ServerMessage, newest: boolean): void;
  /** Asks the service to take a new token. */
  refresh(token: string): Promise<unknown>;
  /** It has another resume token. */
  renewed(): void;
  trouble(error: SnowshedError): void;
  /** The service will not have this client any more. */
  refused(error: SnowshedError): void;
  inCall(): boolean;
  cursors(): Cursor[];
  /** Something was asked and has no answer yet. */
  unanswered(): boolean;
}

export interface Connection {
  readonly resume: string | undefined;
  networkChanged(): void;
  /** The machine may have slept: is the other side still there? */
  probe(): void;
  /** Says bye on the way out. */
  close(): Promise<void>;
}

type CallWord = Pick<Welcome, 'inCall' | 'inCallMs'>;

const TOKEN_MS_MAX = 30_000;
/** A token that no attempt has used up serves the next ones, so that the issuer is not asked for each of them. */
const TOKEN_KEPT_MS = 60_000;
/** How soon a token is renewed at the earliest, whatever the clock of this machine believes. */
const REFRESH_MS_MIN = 10_000;
/** Changes of network come in bunches. */
const NETWORK_SETTLES_MS = 300;
/**
 * How long a client stays on long poll before it looks whether a WebSocket gets through, at first and at
 * most.
 */
const UPGRADE_MS = 300_000;
const UPGRADE_MS_MAX = 3_600_000;

export function createConnection(
  settings: ConnectionSettings,
  platform: Platform,
  events: ConnectionEvents,
): Connection {
  const closing = new AbortController();
  let state: Reconnect = started(spreadUntilTold, platform.nowMs(), platform.draw);
  let choice = transports.untried;
  let resume = settings.resume;
  let live: Link | undefined;
  /** The attempt under way, or the second link on its way beside the first. */
  let next: Link | undefined;
  let gateways: NonNullable<Welcome['spread']['gateways']> = [];
  let priorityUrl: string | undefined;
  /** Until when the resume token says that this session is in a call, where the service has told. */
  let inCallUntilMs: number | undefined;
  let sentTo: string | undefined;
  let kept: { readonly token: string; readonly atMs: number } | undefined;
  /** Where the link that is up goes; of the one lost last until another is. */
  let here: string | undefined;
  let attempts = 0;
  let links = 0;
  const comesBack = replacements();
  let upgradeMs = UPGRADE_MS;
  const timers: Record<'attempt' | 'refresh' | 'network' | 'upgrade', Off> = {
    attempt: () => {},
    refresh: () => {},
    network: () => {},
    upgrade: () => {},
  };

  function arm(name: keyof typeof timers, ms: number, act: () => void): void {
    timers[name]();
    timers[name] = platform.after(ms, act);
  }

  function apply(event: ReconnectEvent, queue?: Queue): void {
    const before = state;
    state = reconnect(state, event, platform.nowMs(), platform.draw);
    if (state === before || closing.signal.aborted) return;
    if (state.phase === 'trying' && before.phase !== 'trying' && next === undefined) void attempt();
    if (state.phase !== 'waiting') return;
    events.status({ state: 'away', inMs: armAttempt(state.attemptAtMs), ...(queue && { queue }) });
  }

  function armAttempt(atMs: number): number {
    const inMs = Math.max(0, Math.ceil(atMs - platform.nowMs()));
    arm('attempt', inMs, () => {
      apply({ kind: 'due' });
      // Timers of some platforms are a little early, by the clock of the same platform.
      if (state.phase === 'waiting' && state.attemptAtMs === atMs) armAttempt(atMs);
    });
    return inMs;
  }

  async function attempt(): Promise<void> {
    events.status({ state: 'connecting' });
    if (closing.signal.aborted) return;
    const isKept = kept !== undefined && platform.nowMs() - kept.atMs < TOKEN_KEPT_MS;
    const token = resume !== undefined ? undefined : isKept ? kept?.token : await newToken();
    if (closing.signal.aborted || state.phase !== 'trying') return;
    if (resume === undefined && token === undefined) return apply({ kind: 'failed' });
    if (token !== undefined && !isKept) kept = { token, atMs: platform.nowMs() };
    const transport = settings.onlyLongPoll || platform.WebSocket === undefined ? 'poll' : choice.next;
    next = linkTo(transport, token, 'replace', token !== undefined && !isKept);
  }

  async function newToken(): Promise<string | undefined> {
    const tooLate = new AbortController();
    const abort = () => tooLate.abort();
    const cancel = platform.after(TOKEN_MS_MAX, abort);
    closing.signal.addEventListener('abort', abort);
    try {
      return await unlessAborted(settings.getToken(tooLate.signal), tooLate.signal);
    } catch (cause) {
      if (!closing.signal.aborted) events.trouble(errorOf('TOKEN_UNAVAILABLE', undefined, cause));
      return undefined;
    } finally {
      cancel();
      closing.signal.removeEventListener('abort', abort);
    }
  }

  /** @param isFresh the token was asked for just now. */
  function linkTo(
    transport: Link['transport'],
    token: string | undefined,
    flow: 'replace' | 'add',
    isFresh: boolean,
  ): Link {
    const { device } = settings;
    let welcomed = false;
    const bearings = () => ({
      resume,
      cursors: events.cursors(),
      unanswered: events.unanswered() || undefined,
    });
    const cameFor = sentTo;
    const hello = () => {
      // A flow that begins again goes on with the session it has.
      const credential = token === undefined || welcomed ? { resume } : { token };
      const sentOn = cameFor !== undefined && !welcomed && { sentOn: true };
      return JSON.stringify({
        type: 'hello',
        ...credential,
        ...sentOn,
        device,
        flow,
        cursors: events.cursors(),
      });
    };
    const url = addressFor(
      { service: settings.url, gateways, priorityUrl, sentTo, lost: flow === 'replace' ? here : undefined },
      attempts++,
      // Who goes there without being in a call is served last.
      sealedInCall() ?? events.inCall(),
      platform.draw(),
    );
    sentTo = undefined;
    const link: Link = createLink(
      ++links,
      (flowEvents) =>
        transport === 'websocket'
          ? openWebSocketFlow(platform.WebSocket!, url, platform, flowEvents)
          : openPollFlow(url, platform, bearings, flowEvents),
      hello,
      platform,
      {
        heard() {
          choice = transports.worked(choice, transport);
        },
        welcomed(welcome) {
          welcomed = true;
          here = url;
          onWelcome(link, welcome);
        },
        received(message) {
          if (message.type === 'wait') waiting(message);
          else if (message.type === 'spread') tell(message);
          else if (message.type === 'resume') renewed(message);
          else events.received(link.number, message, link === live);
        },
        ended(end) {
          if (!welcomed) choice = transports.failed(choice, transport, end.heard);
          onEnded(link, end, isFresh);
        },
      },
    );
    return link;
  }

  function onWelcome(link: Link, welcome: Welcome): void {
    const former = live;
    attempts = 0;
    live = link;
    if (next === link) next = undefined;
    ({ resume, priorityUrl } = welcome);
    kept = undefined;
    inCallUntilMs = untilMs(welcome);
    tell(welcome.spread);
    timers.attempt();
    apply({ kind: 'welcomed' });
    armRefresh(welcome.expiresAt);
    if (link.transport === 'poll' && !settings.onlyLongPoll && platform.WebSocket !== undefined) armUpgrade();
    const moved = former === link && welcome.resumed;
    events.up(link, welcome, moved);
    if (moved) return;
    events.status({ state: 'open', transport: link.transport, resumed: welcome.resumed });
    if (former !== link) void former?.close();
  }

  function untilMs({ inCall, inCallMs = Infinity }: CallWord): number | undefined {
    return inCall === undefined ? undefined : inCall ? platform.nowMs() + inCallMs : 0;
  }

  function sealedInCall(): boolean | undefined {
    return inCallUntilMs === undefined ? undefined : platform.nowMs() < inCallUntilMs;
  }

  function waiting({ etaMs, ahead }: Extract<ServerMessage, { type: 'wait' }>): void {
    const queue = { etaMs, ahead };
    if (live === undefined) events.status({ state: 'connecting', queue });
    events.waiting(queue);
  }

  function renewed(message: Extract<ServerMessage, { type: 'resume' }>): void {
    ({ resume } = message);
    inCallUntilMs = untilMs(message) ?? inCallUntilMs;
    armRefresh(message.expiresAt);
    events.renewed();
  }

  function tell(spread: Welcome['spread']): void {
    if (!areWindows(spread)) return;
    gateways = Array.isArray(spread.gateways)
      ? spread.gateways.filter((gateway) => isAddress(gateway?.url))
      : [];
    apply({ kind: 'told', spread });
  }

  function onEnded(link: Link, end: LinkEnd, withFreshToken: boolean): void {
    const fault = end.fault;
    const retry = fault !== undefined && isFaultCode(fault) ? faultDefinition(fault).retry : 'later';
    const wasLive = link === live;
    if (wasLive) live = undefined;
    else if (link === next) next = undefined;
    else return;
    if (fault !== undefined && retry === 'never' && !(fault === 'REPLACED' && comesBack(platform.nowMs())))
      return refuse(fault);
    const stale = fault !== undefined && /^(TOKEN|RESUME)_/.test(fault);
    // One that was brought meanwhile is not the one refused.
    if (stale && resume === undefined) kept = undefined;
    if (stale) resume = undefined;
    if (wasLive) {
      events.down();
      return apply({
        kind: 'lost',
        inCall: events.inCall() || sealedInCall() === true,
        withinMs: end.withinMs,
      });
    }
    if (state.phase !== 'trying') return;
    // A token that is not taken any more says nothing about the service: a fresh one may come at once.
    if (stale && !withFreshToken) return void attempt();
    if (end.sentTo !== undefined) {
      ({ sentTo } = end);
      return apply({ kind: 'sentOn', afterMs: end.afterMs ?? 0 });
    }
    const withinMs = end.withinMs ? end.withinMs * state.loss.rank : undefined;
    if (end.queue !== undefined) events.waiting(end.queue);
    apply({ kind: 'failed', afterMs: end.afterMs ?? withinMs }, end.queue);
  }

  function refuse(fault: string): void {
    const error = errorOf(fault);
    void close();
    events.refused(error);
  }

  function armRefresh(expiresAt: number): void {
    const leftMs = (timeOf(expiresAt) ?? 0) - platform.wallMs();
    arm('refresh', Math.max(REFRESH_MS_MIN, 0.8 * leftMs), () => void refresh(expiresAt));
  }

  async function refresh(expiresAt: number): Promise<void> {
    // When it is back, it is told anew when its token expires.
    if (live === undefined) return;
    armRefresh(expiresAt);
    const token = await newToken();
    if (token === undefined) return;
    if (live === undefined) {
      kept = { token, atMs: platform.nowMs() };
      return;
    }
    try {
      await events.refresh(token);
    } catch (error) {
      const { fault } = error as SnowshedError;
      // The flow was lost, or another took its place: its welcome has told when to renew again.
      if (fault !== 'UNKNOWN' && live !== undefined) events.trouble(error as SnowshedError);
    }
  }

  /** A second link beside the first; the first is closed once the second is welcomed. */
  function second(transport: Link['transport']): void {
    if (live === undefined || resume === undefined || closing.signal.aborted) return;
    void next?.close();
    next = linkTo(transport, undefined, 'add', false);
  }

  function armUpgrade(): void {
    arm('upgrade', upgradeMs * (1 + platform.draw()), () => {
      upgradeMs = Math.min(2 * upgradeMs, UPGRADE_MS_MAX);
      if (live?.transport !== 'poll') return;
      armUpgrade();
      if (next === undefined) second('websocket');
    });
  }

  function changeNetwork(): void {
    choice = transports.untried;
    if (live === undefined) return apply({ kind: 'networkChanged' });
    live.probe(PROBE_MS);
    second(settings.onlyLongPoll || platform.WebSocket === undefined ? 'poll' : 'websocket');
  }

  function close(): Promise<void> {
    closing.abort();
    for (const cancel of Object.values(timers)) cancel();
    const last = live;
    void next?.close();
    next = live = undefined;
    last?.send(() => '{"type":"bye"}');
    return last?.close() ?? Promise.resolve();
  }

  queueMicrotask(() => closing.signal.aborted || void attempt());

  return {
    get resume() {
      return resume;
    },
    networkChanged() {
      if (!closing.signal.aborted) arm('network', NETWORK_SETTLES_MS, changeNetwork);
    },
    probe: () => live?.probe(PROBE_MS),
    close,
  };
}
