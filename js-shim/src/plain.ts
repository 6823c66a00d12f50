/** What any file may use. */

/** Nothing where it throws: what another has written, or a disk that refuses, costs a check and never a turn. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Whatever was in the text, as an object; an empty one if it is no JSON. */
export function parsed(text: string) {
  return Object(attempt(() => JSON.parse(text)))
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string")
}

/** Drops the oldest entries beyond `max`. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number) {
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}
