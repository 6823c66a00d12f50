/** Upstreams on loopback: what they say byte by byte, and what was asked of them. */

export type Socket = { write(data: string | Uint8Array): number; end(): void; terminate(): void }
export type Upstream = {
  url: string
  /** What came, each as its raw text. */
  requests: string[]
  /** How many connections the other side has closed. */
  closed: number
  stop(): void
}

const running: Upstream[] = []

export function stopUpstreams() {
  for (const upstream of running.splice(0)) upstream.stop()
}

/** A server of raw bytes: `answer` gets each whole request, and the connection that it came by. */
export function upstream(
  answer: (socket: Socket, request: string) => unknown,
  path = "/v1/chat/completions",
) {
  const server = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { text: "" }
      },
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1")
        const { text } = socket.data
        const headEnd = text.indexOf("\r\n\r\n") + 4
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (headEnd < 4 || text.length < headEnd + length) return
        socket.data.text = text.slice(headEnd + length)
        one.requests.push(text)
        answer(socket, text)
      },
      close: () => {
        one.closed += 1
      },
    },
  })
  const url = `http://127.0.0.1:${server.port}${path}`
  const one: Upstream = { url, requests: [], closed: 0, stop: () => server.stop(true) }
  running.push(one)
  return one
}

/** All that has come to any of them. */
export const requests = () => running.flatMap((one) => one.requests)

export function head(status: number, headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Some\r\n${lines.join("")}`
}

/** A whole response. */
export function whole(status: number, body: string, headers: Record<string, string> = {}): string {
  const length = String(Buffer.byteLength(body))
  return `${head(status, { ...headers, "content-length": length })}\r\n${body}`
}

/** The beginning of a streamed response; what follows are `chunk`s and `END`. */
export const STREAM = `${head(200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" })}\r\n`
export const END = "0\r\n\r\n"

export function chunk(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data as string)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
}

export const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
export const ROLE = event({ choices: [{ delta: { role: "assistant", content: "" } }] })
export const CONTENT = event({ choices: [{ delta: { content: "grüß 😀" } }] })
export const OVERLOADED = event({ error: { message: "Überlastet", code: 529 } })
export const REFUSAL = '{"error":{"message":"rate limit"}}'

/** Says these chunks at once, and ends. */
export const says = (...chunks: string[]) =>
  upstream((socket) =>
    socket.write(Buffer.concat([Buffer.from(STREAM), ...chunks.map(chunk), Buffer.from(END)])),
  )
export const answers = () => says(ROLE, CONTENT)
export const refuses = (status = 429, headers = {}) =>
  upstream((socket) => socket.write(whole(status, REFUSAL, { "retry-after": "7", ...headers })))

/** Says these chunks, and leaves the rest to the test. */
export function begins(...chunks: string[]) {
  let last: Socket | undefined
  const one = upstream((socket) => {
    last = socket
    if (chunks.length > 0) socket.write(Buffer.concat([Buffer.from(STREAM), ...chunks.map(chunk)]))
  })
  const say = (...data: (string | Uint8Array)[]) =>
    void last?.write(Buffer.concat(data.map((part) => Buffer.from(part))))
  return { one, url: one.url, say, reset: () => last?.terminate() }
}
