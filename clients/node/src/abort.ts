/** Hear of a signal's abort; what it gives ends that. */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  signal?.addEventListener("abort", hear);
  return () => signal?.removeEventListener("abort", hear);
}
