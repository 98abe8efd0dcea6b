/**
 * Peer: the WebRTC connection of one call: descriptions and candidates in and out, media to and fro.
 *
 * What is asked of it is done in the order asked, each when the one before is done: so a candidate
 * never meets a connection that has no remote description yet.
 */

import type { Candidate } from './signals.ts';

export interface PeerEvents {
  candidate(candidate: Candidate): void;
  media(media: 'flowing' | 'interrupted' | 'lost'): void;
  remoteStream(stream: MediaStream): void;
}

export interface Peer {
  readonly connection: RTCPeerConnection;
  /** The SDP of one's own description. */
  makeOffer(): Promise<string>;
  makeAnswer(offer: string, candidates: readonly Candidate[]): Promise<string>;
  takeAnswer(sdp: string): Promise<void>;
  takeCandidate(candidate: Candidate): Promise<void>;
  close(): void;
}

export function createPeer(iceServers: RTCIceServer[], stream: MediaStream, events: PeerEvents): Peer {
  const connection = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  listen(connection, events);
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = last.then(act);
    last = result.catch(() => {});
    return result;
  }
  return {
    connection,
    makeOffer: () => inTurn(() => describe(connection)),
    makeAnswer: (sdp, candidates) =>
      inTurn(async () => {
        await connection.setRemoteDescription({ type: 'offer', sdp });
        const answer = await describe(connection);
        for (const candidate of candidates) await add(connection, candidate);
        return answer;
      }),
    takeAnswer: (sdp) => inTurn(() => connection.setRemoteDescription({ type: 'answer', sdp })),
    takeCandidate: (candidate) => inTurn(() => add(connection, candidate)),
    close: () => connection.close(),
  };
}

function listen(connection: RTCPeerConnection, events: PeerEvents): void {
  connection.onicecandidate = ({ candidate }) => {
    if (candidate !== null && candidate.candidate !== '') events.candidate(candidate.toJSON() as Candidate);
  };
  connection.ontrack = ({ streams: [remote] }) => remote && events.remoteStream(remote);
  connection.onconnectionstatechange = () => {
    const media = mediaOf(connection.connectionState);
    if (media !== undefined) events.media(media);
  };
}

/** Without an argument the browser makes the description that is due: an offer, or an answer to one. */
async function describe(connection: RTCPeerConnection): Promise<string> {
  await connection.setLocalDescription();
  return connection.localDescription?.sdp ?? '';
}

/** A candidate that the browser cannot use is one way less, and no reason to end the call. */
function add(connection: RTCPeerConnection, candidate: Candidate): Promise<void> {
  return connection.addIceCandidate(candidate as RTCIceCandidateInit).catch(() => {});
}

function mediaOf(state: RTCPeerConnectionState): 'flowing' | 'interrupted' | 'lost' | undefined {
  switch (state) {
    case 'connected':
      return 'flowing';
    case 'disconnected':
      return 'interrupted';
    case 'failed':
      return 'lost';
    default:
      return undefined;
  }
}
