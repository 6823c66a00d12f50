/**
 * A response's body that is being looked at before the host may see it: what has been read is kept, and nothing is
 * lost, repeated or written anew.
 */

/** Those describe the body as it was on the wire; what we hand on is decoded and of unknown length. */
const OF_THE_WIRE = ["content-encoding", "content-length", "transfer-encoding"]

export class HeldBody {
  /** How much is held back. */
  size = 0
  #chunks: Uint8Array[] = []
  #hasEnded = false
  #broken: { by: unknown } | undefined
  #reading: Promise<Uint8Array | undefined> | undefined
  readonly #response: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  private constructor(response: Response, body: NonNullable<Response["body"]>) {
    this.#response = response
    this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  }

  /** Nothing for a response without a body, or with a status that no response of ours can have. */
  static of(response: Response): HeldBody | undefined {
    return response.body && response.status <= 599 ? new HeldBody(response, response.body) : undefined
  }

  /** The next chunk, which is kept too; `undefined` at the end. Rejects where the connection breaks. */
  read(): Promise<Uint8Array | undefined> {
    this.#reading ??= this.#read()
    return this.#reading
  }

  /** What is held, as text; a character that is cut off at its end is left out. */
  text(): string {
    return new TextDecoder().decode(Buffer.concat(this.#chunks), { stream: true })
  }

  /** Frees the connection: what is held is all that there will be. */
  cut() {
    this.#reader.cancel().catch(() => {})
  }

  /** The response for the host: what is held, then the rest as fast as it is taken. */
  release(): Response {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (this.#chunks.length === 0 && !this.#hasEnded) await this.read().catch(() => {})
      const chunk = this.#chunks.shift()
      if (chunk) return controller.enqueue(chunk)
      if (!this.#broken) return controller.close()
      controller.error(this.#broken.by)
    }
    const cancel = (reason: unknown) => this.#reader.cancel(reason)
    const { status, statusText, url } = this.#response
    const headers = new Headers(this.#response.headers)
    for (const name of OF_THE_WIRE) headers.delete(name)
    const body = new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
    return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url })
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read().catch((error) => {
      this.#hasEnded = true
      this.#broken = { by: error }
      throw error
    })
    this.#reading = undefined
    if (value) {
      this.#chunks.push(value)
      this.size += value.length
    } else this.#hasEnded = true
    return value
  }
}
