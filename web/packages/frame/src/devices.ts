/**
 * Cameras and microphones: the page asks the person, and makes the frame anew with the right to them. What was evaluated
 * here is then evaluated again in the new frame, so a refused first try is not told to the program while that happens.
 */
import { type Bridge } from './bridge';

type Constraints = MediaStreamConstraints | undefined;

interface PolicyDocument extends Document {
  featurePolicy?: { allowsFeature(name: string): boolean };
}

/** Firefox tells nobody what a frame may do: there the address says it, and so does the browser's own refusal. */
function allowed(kinds: readonly string[], granted: ReadonlySet<string>): boolean {
  const policy = (document as PolicyDocument).featurePolicy;
  return kinds.every((kind) => policy?.allowsFeature(kind) ?? granted.has(kind));
}

export function bridgeDevices(bridge: Bridge, granted: readonly string[]): void {
  const media = navigator.mediaDevices as MediaDevices | undefined;
  if (media === undefined) return;
  const original = media.getUserMedia.bind(media);
  const had = new Set(granted);
  media.getUserMedia = async (constraints: Constraints): Promise<MediaStream> => {
    const kinds = [...(constraints?.video ? ['camera'] : []), ...(constraints?.audio ? ['microphone'] : [])];
    if (kinds.length > 0 && !allowed(kinds, had)) {
      try {
        await bridge.ask('device', { kinds });
      } catch (error) {
        throw new DOMException(error instanceof Error ? error.message : String(error), 'NotAllowedError');
      }
      // The page makes this frame anew now.
      await new Promise<never>(() => {});
    }
    return original(constraints);
  };
}
