/**
 * Media: what this device sends: camera and microphone, or a test pattern and a soft tone where there are none.
 *
 * So the demo can be tried on a machine without a camera, and by somebody who does not want to be seen.
 */

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
  const sound = microphone ?? (tone as Tone).stream;
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

interface Tone {
  readonly stream: MediaStream;
  stop(): void;
}

function playedTone(): Tone {
  const audio = new AudioContext();
  const destination = audio.createMediaStreamDestination();
  const volume = new GainNode(audio, { gain: 0.02 });
  const oscillator = new OscillatorNode(audio, { frequency: 220 });
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  return { stream: destination.stream, stop: () => void audio.close() };
}

/** The name and the time on a slowly turning ground: one sees at a glance whether it moves. */
function drawnPattern(label: string): Tone {
  const canvas = document.createElement('canvas');
  canvas.width = 960;
  canvas.height = 540;
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  draw(pen, label);
  const timer = setInterval(draw, 50, pen, label);
  return { stream: canvas.captureStream(20), stop: () => clearInterval(timer) };
}

function draw(pen: CanvasRenderingContext2D, label: string): void {
  const { width, height } = pen.canvas;
  const turn = (performance.now() / 20_000) * 2 * Math.PI;
  const [x, y] = [(Math.cos(turn) * width) / 2, (Math.sin(turn) * height) / 2];
  const ground = pen.createLinearGradient(width / 2 - x, height / 2 - y, width / 2 + x, height / 2 + y);
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 200);
  ground.addColorStop(0, `hsl(${hue} 45% 24%)`);
  ground.addColorStop(1, `hsl(${(hue + 40) % 360} 50% 44%)`);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = '#fff';
  pen.textAlign = 'center';
  pen.font = '600 88px system-ui, sans-serif';
  pen.fillText(label, width / 2, height / 2 + 10, width - 80);
  pen.globalAlpha = 0.75;
  pen.font = '400 36px ui-monospace, monospace';
  pen.fillText(new Date().toISOString().slice(11, 23), width / 2, height / 2 + 80);
  pen.globalAlpha = 1;
}
