/**
 * Studio: the media of a phone: camera and peer connection open when a call needs them, and close after it.
 *
 * Media never passes the service: it asks for ICE servers there and that is all.
 */

import type { Snowshed } from '#client/index.ts';
import type { CallEffect, CallEvent } from './call.ts';
import { type Media, openMedia } from './media.ts';
import { createPeer, type Peer } from './peer.ts';
import type { Screen } from './screen.ts';

type MediaEffect = CallEffect & { do: 'makeOffer' | 'makeAnswer' | 'takeAnswer' | 'takeCandidate' };

export interface Studio {
  readonly connection: RTCPeerConnection | undefined;
  carryOut(effect: MediaEffect): Promise<void>;
  mute(muted: boolean): void;
  /** Ends the peer connection; the camera stays on for the call that takes its place. */
  closePeer(): void;
  /** Camera and microphone off. */
  rest(): void;
}

export function createStudio(snowshed: Snowshed, screen: Screen, happen: (event: CallEvent) => void): Studio {
  let media: Promise<Media> | undefined;
  let peer: Peer | undefined;

  /** The peer connection of a call, or `undefined` if it ended while camera and servers were asked for. */
  async function prepared(call: string): Promise<Peer | undefined> {
    media ??= openMedia(screen.view.me.user);
    const [{ stream, isPattern }, iceServers] = await Promise.all([media, iceServersOf(snowshed)]);
    const current = screen.view.call;
    if (current.phase === 'idle' || current.call !== call) return undefined;
    screen.show({ ownStream: stream, isPattern });
    peer = createPeer(iceServers, stream, {
      candidate: (candidate) => happen({ type: 'candidateFound', call, candidate }),
      media: (state) => happen({ type: 'media', call, media: state }),
      remoteStream: (peerStream) => screen.show({ peerStream }),
    });
    return peer;
  }

  async function act(effect: MediaEffect): Promise<void> {
    const { call } = effect;
    switch (effect.do) {
      case 'makeOffer': {
        const sdp = await (await prepared(call))?.makeOffer();
        return sdp === undefined ? undefined : happen({ type: 'offerReady', call, sdp });
      }
      case 'makeAnswer': {
        const sdp = await (await prepared(call))?.makeAnswer(effect.offer, effect.candidates);
        return sdp === undefined ? undefined : happen({ type: 'answerReady', call, sdp });
      }
      case 'takeAnswer':
        return peer?.takeAnswer(effect.sdp);
      case 'takeCandidate':
        return peer?.takeCandidate(effect.candidate);
    }
  }

  return {
    get connection() {
      return peer?.connection;
    },
    carryOut: (effect) =>
      act(effect).catch(() => happen({ type: 'media', call: effect.call, media: 'failed' })),
    mute(muted) {
      for (const track of screen.view.ownStream?.getAudioTracks() ?? []) track.enabled = !muted;
      screen.show({ muted });
    },
    closePeer() {
      peer?.close();
      peer = undefined;
      screen.show({ peerStream: undefined });
    },
    rest() {
      void media?.then(({ stop }) => stop());
      media = undefined;
      screen.show({ ownStream: undefined, muted: false });
    },
  };
}

async function iceServersOf(snowshed: Snowshed): Promise<RTCIceServer[]> {
  try {
    return await snowshed.iceServers();
  } catch {
    return []; // None is configured: browsers that reach each other directly need none.
  }
}
