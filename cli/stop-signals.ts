const handlers: (() => void)[] = [];
const newest = (): void => handlers.at(-1)?.();

/**
 * Calls `handler` on Ctrl-C (SIGINT) and SIGTERM, until the returned function is called. Of several handlers only the
 * newest is called; where there is none, the signals end the process as usual.
 */
export function onStopSignal(handler: () => void): () => void {
  if (handlers.length === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, newest);
  handlers.push(handler);
  return () => {
    const at = handlers.lastIndexOf(handler);
    if (at >= 0) handlers.splice(at, 1);
    if (handlers.length === 0) {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, newest);
    }
  };
}
