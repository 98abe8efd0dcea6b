/**
 * Media: what this device sends: camera and microphone, or a test pattern and a soft tone where there are none.
 *
 * So the demo can be tried on a machine without a camera, and by somebody who does not want to be seen.
 */

import { hueOf } from './people.ts';

export interface Media {
  readonly stream: MediaStream;
  /** Whether the picture is a pattern because there is no camera, or no leave to use it. */
  readonly isPattern: boolean;
  stop(): void;
}

const video = { width: { ideal: 960 }, height: { ideal: 540 } };

export async function openMedia(label: string): Promise<Media> {
  const camera = await captured({ audio: true, video });
  if (camera !== undefined) return { stream: camera, isPattern: false, stop: () => stopTracks(camera) };
  const microphone = await captured({ audio: true });
  const pattern = drawnPattern(label);
  const tone = microphone === undefined ? playedTone() : undefined;
  const sound = microphone ?? (tone as Source).stream;
  const stream = new MediaStream([...pattern.stream.getVideoTracks(), ...sound.getAudioTracks()]);
  return {
    stream,
    isPattern: true,
    stop() {
      pattern.stop();
      tone?.stop();
      stopTracks(stream);
    },
  };
}

/** `undefined` where there is no such device, or no leave to use it, or the page is not secure. */
async function captured(constraints: MediaStreamConstraints): Promise<MediaStream | undefined> {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch {
    return undefined;
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

interface Source {
  readonly stream: MediaStream;
  stop(): void;
}

function playedTone(): Source {
  const audio = new AudioContext();
  const destination = audio.createMediaStreamDestination();
  const volume = new GainNode(audio, { gain: 0.02 });
  const oscillator = new OscillatorNode(audio, { frequency: 220 });
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  return { stream: destination.stream, stop: () => void audio.close() };
}

/** The name, and the time to the millisecond: one sees at a glance whether it moves. */
function drawnPattern(label: string): Source {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  draw(pen, label);
  const timer = setInterval(draw, 66, pen, label);
  return { stream: canvas.captureStream(15), stop: () => clearInterval(timer) };
}

function draw(pen: CanvasRenderingContext2D, label: string): void {
  const { width, height } = pen.canvas;
  pen.fillStyle = `hsl(${hueOf(label)} 38% 30%)`;
  pen.fillRect(0, 0, width, height);
  pen.textAlign = 'center';
  pen.fillStyle = '#fff';
  pen.font = '600 60px system-ui, sans-serif';
  pen.fillText(label, width / 2, height / 2, width - 80);
  pen.fillStyle = 'rgb(255 255 255 / 75%)';
  pen.font = '400 24px ui-monospace, monospace';
  pen.fillText(new Date().toISOString().slice(11, 23), width / 2, height / 2 + 46);
}
