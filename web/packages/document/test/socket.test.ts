import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RoomSocket, type SocketLike } from '../src/socket';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection that is open; `answers` says whether its other end answers pings. */
function connection(answers: boolean) {
  const made: SocketLike[] = [];
  const closed = vi.fn<(code: number, retryAt: number | null) => void>();
  const socket = new RoomSocket(
    'ws://room',
    {
      open: () => {},
      frame: () => {},
      closed,
      ping: () => {
        if (answers) made.at(-1)?.onmessage?.({ data: new ArrayBuffer(1) } as never);
      },
    },
    () => {
      const fake: SocketLike = {
        binaryType: 'blob',
        send: () => {},
        close: () => {},
        onopen: null,
        onmessage: null,
        onclose: null,
      };
      made.push(fake);
      return fake;
    },
  );
  socket.start();
  made[0]?.onopen?.({} as never);
  return { socket, closed };
}

describe('a network that is said to be gone', () => {
  test('a server that does not answer is given up within seconds', () => {
    const { socket, closed } = connection(false);
    socket.doubt();
    vi.advanceTimersByTime(4_000);
    expect(closed).toHaveBeenCalledOnce();
    socket.stop();
  });

  test('a server that answers is kept, and has the usual time for the next answer', () => {
    const { socket, closed } = connection(true);
    socket.doubt();
    vi.advanceTimersByTime(60_000);
    expect(closed).not.toHaveBeenCalled();
    socket.stop();
  });
});
