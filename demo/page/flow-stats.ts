/**
 * Flow stats: what the browser says about the media of a call: packets, decoded frames, bytes.
 */

export interface FlowStats {
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  readonly framesDecoded: number;
}

/** Of everything that comes in on this connection, added up since it began. */
export async function flowStatsOf(connection: RTCPeerConnection): Promise<FlowStats> {
  let [packetsReceived, bytesReceived, framesDecoded] = [0, 0, 0];
  for (const report of (await connection.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    packetsReceived += report.packetsReceived ?? 0;
    bytesReceived += report.bytesReceived ?? 0;
    framesDecoded += report.framesDecoded ?? 0;
  }
  return { packetsReceived, bytesReceived, framesDecoded };
}

/** The pace between two looks, in words. */
export function paceText(before: FlowStats, after: FlowStats, seconds: number): string {
  const bitsPerSecond = ((after.bytesReceived - before.bytesReceived) * 8) / seconds;
  const framesPerSecond = (after.framesDecoded - before.framesDecoded) / seconds;
  const rate =
    bitsPerSecond >= 1e6
      ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`
      : `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
  return `${Math.round(framesPerSecond)} frames/s, ${rate}`;
}
