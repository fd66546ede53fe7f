import type { Request, Response } from 'express';

/** Time enough to read the answer; then whoever goes on sending is cut off. */
const LINGER_MS = 2_000;

/**
 * Lets a request be answered before its body has arrived: what still comes is read and dropped for a while, because a
 * connection that is closed with unread bytes on it takes the answer along.
 */
export function discardRest(req: Request, res: Response): void {
  res.once('finish', () => {
    if (req.complete) return;
    const timer = setTimeout(() => req.socket.destroy(), LINGER_MS);
    req.once('close', () => clearTimeout(timer)).resume();
  });
}
