export type Emitter<Message> = {
  emit(message: Message): void;
  /** Answers what stops it; `signal` does, too. */
  on(listener: (message: Message) => void, signal?: AbortSignal): () => void;
};

export function createEmitter<Message>(): Emitter<Message> {
  const listeners = new Set<(message: Message) => void>();
  return {
    emit(message) {
      for (const listener of [...listeners]) listener(message);
    },
    on(listener, signal) {
      listeners.add(listener);
      const stop = () => void listeners.delete(listener);
      signal?.addEventListener('abort', stop, { once: true });
      return stop;
    },
  };
}
