import { Redis } from 'ioredis';

/**
 * A Redis connection that sends the commands of one turn of the event loop with one write. A write is a call of the
 * system that wakes Redis, and costs several times what a command does. Unlike with ioredis' own pipelines no command
 * waits for the answer to another.
 */
export class CoalescedRedis extends Redis {
  override sendCommand(...command: Parameters<Redis['sendCommand']>): unknown {
    const { stream } = this;
    if (stream?.writableCorked === 0) {
      stream.cork();
      setImmediate(() => stream.uncork());
    }
    return super.sendCommand(...command);
  }
}
