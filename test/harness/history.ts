/**
 * History: what was sent, acknowledged, owed and received in one run, as seen from outside the service.
 *
 * It is written down while a test runs and judged afterwards by `checker.ts`. A session is *owed* the
 * frames of a channel from the position at which it attached until it left; a session that never came
 * back in time is marked absent and owed nothing more.
 */

import type { FrameMessage } from './inbox.ts';

export interface SentFrame {
  readonly channel: string;
  readonly id: string;
  readonly session: string;
  readonly user: string;
  readonly device: string;
  /** Counts the frames of this session to this channel in the order it first sent them. */
  readonly number: number;
  readonly toDevice?: string | undefined;
  readonly toSession?: string | undefined;
  readonly body: string;
  /** Where the `ack` says it lies; `undefined`: never acknowledged. */
  position: number | undefined;
  /** When the `ack` came. */
  acknowledgedMs: number;
  /** What became of it: when it went out again, and what was answered. */
  readonly story: string[];
}

/** From when on, and until when, a session is owed a channel: the positions in (after, until]. */
export interface Owed {
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly channel: string;
  readonly epoch: string;
  readonly after: number;
  until: number;
}

/** A session says that it wants a channel: from this moment on its frames may come, before the answer or without one. */
export interface Asked {
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly channel: string;
  readonly atMs: number;
}

export interface Receipt {
  readonly session: string;
  readonly channel: string;
  readonly epoch: string;
  readonly position: number;
  readonly id: string;
  readonly from: { readonly user: string; readonly device: string; readonly session: string };
  readonly body: string;
  readonly atMs: number;
}

export interface ReportedGap {
  readonly session: string;
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** A session has a flow that stands, at this gateway, or has none, from this moment on. */
export interface Coming {
  readonly session: string;
  readonly here: boolean;
  readonly url: string;
  readonly atMs: number;
}

/** For so long a gateway, or all of them, could not be reached or could reach nobody. */
export interface Outage {
  /** `undefined`: of all gateways. */
  readonly url: string | undefined;
  readonly fromMs: number;
  untilMs: number;
}

/** Whoever watches a channel was told that a session is gone. */
export interface ToldGone {
  readonly watcher: string;
  readonly channel: string;
  readonly session: string;
  readonly atMs: number;
}

export interface History {
  readonly sent: SentFrame[];
  readonly owed: Owed[];
  readonly asked: Asked[];
  /** In the order of their arrival at each session. */
  readonly received: Receipt[];
  readonly gaps: ReportedGap[];
  readonly comings: Coming[];
  readonly outages: Outage[];
  readonly toldGone: ToldGone[];
}

/** Whose flow it is: as `welcome` says. */
export interface Party {
  readonly session: string;
  readonly user: string;
  readonly device: string;
}

export type Received = Pick<FrameMessage, 'channel' | 'epoch' | 'position' | 'id' | 'from' | 'body'>;

export interface Recorder {
  readonly history: History;
  /** A frame goes out for the first time. Its `ack` is told with {@link acknowledged}. */
  sent(
    by: Party,
    channel: string,
    id: string,
    body: unknown,
    to?: { device?: string; session?: string },
  ): SentFrame;
  acknowledged(frame: SentFrame, position: number | undefined): void;
  /** Before it says so; a channel that nobody asks for, such as a user's own, is only owed. */
  asks(by: Party, channel: string): void;
  owes(to: Party, channel: string, epoch: string, after: number): Owed;
  received(by: Party, frame: Received): void;
  gap(by: Party, gap: { channel: string; epoch: string; from: number; to: number }): void;
  /** The highest position of a channel that any `ack` has named. */
  acknowledgedUpTo(channel: string): number;
  /** A session is over: of this channel it is owed nothing past the position. */
  left(session: string, channel: string, position: number): void;
  here(session: string, here: boolean, url: string): void;
  /** Begins; what it gives back ends it. */
  outage(url: string | undefined): () => void;
  gone(watcher: Party, channel: string, session: string): void;
}

export function createRecorder(): Recorder {
  const history: History = {
    ...{ sent: [], owed: [], asked: [], received: [], gaps: [] },
    ...{ comings: [], outages: [], toldGone: [] },
  };
  const numbers = new Map<string, number>();
  const heads = new Map<string, number>();
  return {
    history,
    sent(by, channel, id, body, to = {}) {
      const key = `${by.session} ${channel}`;
      const number = (numbers.get(key) ?? 0) + 1;
      numbers.set(key, number);
      const frame: SentFrame = {
        channel,
        id,
        ...by,
        number,
        toDevice: to.device,
        toSession: to.session,
        body: JSON.stringify(body),
        position: undefined,
        acknowledgedMs: 0,
        story: [],
      };
      history.sent.push(frame);
      return frame;
    },
    acknowledged(frame, position) {
      frame.position = position;
      frame.acknowledgedMs ||= performance.now();
      heads.set(frame.channel, Math.max(heads.get(frame.channel) ?? 0, position ?? 0));
    },
    asks: (by, channel) => void history.asked.push({ ...by, channel, atMs: performance.now() }),
    owes(to, channel, epoch, after) {
      const owed: Owed = { ...to, channel, epoch, after, until: Number.POSITIVE_INFINITY };
      history.owed.push(owed);
      return owed;
    },
    received(by, frame) {
      history.received.push({
        session: by.session,
        channel: frame.channel,
        epoch: frame.epoch ?? '',
        position: frame.position ?? 0,
        id: frame.id,
        from: frame.from,
        body: JSON.stringify(frame.body),
        atMs: performance.now(),
      });
    },
    gap(by, { channel, epoch, from, to }) {
      history.gaps.push({ session: by.session, channel, epoch, from, to });
    },
    acknowledgedUpTo: (channel) => heads.get(channel) ?? 0,
    left(session, channel, position) {
      for (const owed of history.owed) {
        if (owed.session === session && owed.channel === channel) owed.until = position;
      }
    },
    here: (session, here, url) => void history.comings.push({ session, here, url, atMs: performance.now() }),
    outage(url) {
      const outage: Outage = { url, fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY };
      history.outages.push(outage);
      return () => {
        outage.untilMs = performance.now();
      };
    },
    gone({ session: watcher }, channel, session) {
      history.toldGone.push({ watcher, channel, session, atMs: performance.now() });
    },
  };
}
