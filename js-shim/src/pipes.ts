/** The pipes of a process that may have stopped reading, or have left them to others. */
import type { ChildProcessWithoutNullStreams } from "node:child_process"

const MAX_UNSENT_BYTES = 8 * 1024 * 1024

export function closePipes({ stdout, stderr }: ChildProcessWithoutNullStreams) {
  stdout.destroy()
  stderr.destroy()
}

/** Bun's streams don't say how much they hold, so we count what was written and not yet taken. */
export function boundedWriter({ stdin }: ChildProcessWithoutNullStreams): (line: string) => boolean {
  let unsent = 0
  return (line) => {
    const bytes = Buffer.from(line)
    if (!stdin.writable || unsent + bytes.length > MAX_UNSENT_BYTES) return false
    unsent += bytes.length
    stdin.write(bytes, () => {
      unsent -= bytes.length
    })
    return true
  }
}
