/** What a single output is called where people choose among several. */
import { chooseMime, IMAGE_TYPES } from './mime';
import { say } from './strings';
import { isBlobRef, isDisplay, isError, isNotice, isStream, type Output } from './types';
import { inlineText } from './values';

const MOST = 60;

/** Returns a name of one line. */
export function describeOutput(output: Output): string {
  if (isStream(output)) return say(output.name === 'stderr' ? 'stderr' : 'stdout');
  if (isError(output)) return short(output.ename) || say('traceback');
  if (isNotice(output)) return short(output.message);
  if (!isDisplay(output)) return short(output.output_type);
  const plain = output.data['text/plain'];
  const text = isBlobRef(plain) || plain === undefined ? '' : short(inlineText(plain)).replace(/^<|>$/g, '');
  if (text !== '' && !/object at 0x/.test(text)) return text;
  const mime = chooseMime(output);
  return IMAGE_TYPES.has(mime ?? '') ? say('image') : say('display');
}

function short(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}
