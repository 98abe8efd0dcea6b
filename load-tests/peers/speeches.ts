/** Speeches: those that a load process knows, by the name under which it is told to use them. */

import { centrifugoSpeech } from './centrifugo-speech.ts';
import { socketIoSpeech } from './socket-io-speech.ts';
import type { Speech } from './speech.ts';

export type SpeechName = 'centrifugo' | 'socket.io';

export const speeches: Readonly<Record<SpeechName, Speech>> = {
  centrifugo: centrifugoSpeech,
  'socket.io': socketIoSpeech,
};
