/**
 * The wire as TypeScript. Generated from schema/protocol.json, which is generated from
 * sidecar/protocol.py: do not edit, run `make schema`.
 */

/**
 * The `code` of every error on the wire.
 */
export type ErrorCode =
  -32800 | -32700 | -32603 | -32602 | -32601 | -32600 | -32005 | -32004 | -32003 | -32002 | -32001;

/**
 * The wire between the shim and the sidecar.
 */
export interface Protocol {
  Methods: Methods;
  ErrorCode: ErrorCode;
  HostFile: HostFile;
}
/**
 * Params and result of each method; without a result it is a notification.
 */
export interface Methods {
  initialize: {
    params: InitializeParams;
    result: InitializeResult;
  };
  "workspace/open": {
    params: WorkspaceOpenParams;
    result: WorkspaceOpenResult;
  };
  "workspace/close": {
    params: WorkspaceCloseParams;
    result: EmptyResult;
  };
  "command/execute": {
    params: CommandExecuteParams;
    result: CommandExecuteResult;
  };
  "request/plan": {
    params: RequestPlanParams;
    result: RequestPlanResult;
  };
  "request/failed": {
    params: RequestFailedParams;
    result: RequestFailedResult;
  };
  "request/finished": {
    params: RequestFinishedParams;
  };
  "turn/route": {
    params: TurnRouteParams;
    result: TurnRouteResult;
  };
  "message/finished": {
    params: MessageFinishedParams;
  };
  "session/idle": {
    params: SessionIdleParams;
  };
  "session/error": {
    params: SessionErrorParams;
  };
  ping: {
    params: EmptyParams;
    result: EmptyResult;
  };
  shutdown: {
    params: EmptyParams;
    result: EmptyResult;
  };
  "toast/show": {
    params: ToastShowParams;
  };
  "session/resume": {
    params: SessionResumeParams;
  };
  "$/cancelRequest": {
    params: CancelRequestParams;
  };
}
/**
 * The first request of a shim, once for each sidecar that it starts.
 */
export interface InitializeParams {
  protocolMajor: number;
  shimVersion: string;
  showsToasts?: boolean;
}
/**
 * The sidecar's half of the handshake.
 */
export interface InitializeResult {
  protocolMajor: number;
  sidecarVersion: string;
  responseHeaderPrefixes: string[];
}
/**
 * A directory that the host serves from now on; asked again when its providers are known.
 */
export interface WorkspaceOpenParams {
  directory: string;
  providers?: CatalogueProvider[];
  hostVersion?: string;
}
/**
 * A provider as the host lists it: no options, no key, no URL.
 */
export interface CatalogueProvider {
  id: string;
  models: CatalogueModel[];
  name?: string;
  source?: string;
}
/**
 * A model as the host lists it.
 */
export interface CatalogueModel {
  id: string;
  name?: string;
  apiId?: string;
  npm?: string;
  limits?: CatalogueLimits;
  inputModalities?: string[];
  takesTools?: boolean;
  takesTemperature?: boolean;
  reasons?: boolean;
  prices?: CataloguePrices;
}
/**
 * Token limits of a model; absent is unknown.
 */
export interface CatalogueLimits {
  context?: number;
  output?: number;
}
/**
 * Prices of a model in US dollars per million tokens; absent is unknown.
 */
export interface CataloguePrices {
  input?: number;
  output?: number;
  cacheRead?: number;
  cacheWrite?: number;
}
/**
 * What the directory's configuration wants to see.
 */
export interface WorkspaceOpenResult {
  responseHeaderPrefixes: string[];
}
/**
 * A directory that the host no longer serves.
 */
export interface WorkspaceCloseParams {
  directory: string;
}
/**
 * Result of a method that only acknowledges.
 */
export interface EmptyResult {}
/**
 * A slash command that a user typed.
 */
export interface CommandExecuteParams {
  directory: string;
  sessionId: string;
  messageId: string;
  command: string;
  arguments: string;
  target?: Target;
}
/**
 * A model of a provider, both by the host's ids.
 */
export interface Target {
  providerId: string;
  modelId: string;
}
/**
 * The answer to a command, ready to be shown as it is.
 */
export interface CommandExecuteResult {
  text: string;
}
/**
 * A request that is about to leave for a model; asked on the request path, with a deadline.
 */
export interface RequestPlanParams {
  requestId: string;
  directory: string;
  sessionId: string;
  messageId: string;
  agent: string;
  target: Target;
  wire: "anthropic-messages" | "openai-chat" | "openai-responses" | "other";
  body: BodyShape;
  origin?: string;
}
/**
 * All that crosses of a request's body.
 */
export interface BodyShape {
  sizeBytes: number;
  hasImages: boolean;
  hasTools: boolean;
  stream: boolean;
  hasAnswers?: boolean;
}
/**
 * What to do with the request. A shim treats a `kind` that it does not know as `pass`.
 */
export interface RequestPlanResult {
  plan: PassPlan | SendPlan | AgainPlan | ReplyPlan;
}
/**
 * Send the request as it is, to the provider that the user chose.
 *
 * After a failure: nothing else is left. The host gets the response of the user's own target, which is
 * asked now if it was not yet.
 */
export interface PassPlan {
  kind: "pass";
  headersTimeoutS?: number;
}
/**
 * Send the request to another target: its URL, its credentials, and a body that it understands.
 */
export interface SendPlan {
  kind: "send";
  target: Target;
  url: string;
  headers: {
    [k: string]: string;
  };
  edits?: Edit[];
  headersTimeoutS?: number;
}
/**
 * A change of the body's JSON: removes what is at the path, unless it says what to do instead.
 */
export interface Edit {
  path: string[];
  where?: {
    [k: string]: string;
  };
  set?: unknown;
  atMost?: number;
}
/**
 * Send the same once more to the target that failed, after a wait.
 */
export interface AgainPlan {
  kind: "again";
  afterS: number;
  headersTimeoutS?: number;
}
/**
 * Give the host this response; nothing more is sent.
 */
export interface ReplyPlan {
  kind: "reply";
  status: number;
  headers: {
    [k: string]: string;
  };
  body: string;
}
/**
 * An attempt of a request got a refusal or no answer; asked before the host sees anything of it.
 *
 * No question on the sidecar's own memory: it may have been started after the first attempt.
 */
export interface RequestFailedParams {
  requestId: string;
  directory: string;
  sessionId: string;
  messageId: string;
  agent: string;
  target: Target;
  wire: "anthropic-messages" | "openai-chat" | "openai-responses" | "other";
  body: BodyShape;
  origin?: string;
  tried?: Target[];
  elapsedS?: number;
  failedOrigin?: string;
  status?: number;
  headers?: {
    [k: string]: string;
  };
  text?: string;
  errorName?: string;
  errorMessage?: string;
}
/**
 * What to do after the failure; as `RequestPlanResult`.
 */
export interface RequestFailedResult {
  plan: PassPlan | SendPlan | AgainPlan | ReplyPlan;
}
/**
 * One attempt of a request is decided: its answer goes to the host, or it failed.
 *
 * Told once for each attempt; after a failure, when that has been answered.
 */
export interface RequestFinishedParams {
  requestId: string;
  directory: string;
  sessionId: string;
  messageId: string;
  agent: string;
  target: Target;
  headers: {
    [k: string]: string;
  };
  ttfbS: number;
  status?: number;
  refused?: boolean;
  aborted?: boolean;
  origin?: string;
}
/**
 * A user's turn is about to begin; asked before anything of it is sent.
 */
export interface TurnRouteParams {
  directory: string;
  sessionId: string;
  agent: string;
  target: Target;
  parentId?: string;
}
/**
 * Where the turn goes instead.
 */
export interface TurnRouteResult {
  target?: Target;
}
/**
 * An assistant's message is complete: what it used, of the one request that made it.
 */
export interface MessageFinishedParams {
  directory: string;
  sessionId: string;
  messageId: string;
  parentId: string;
  agent: string;
  inputTokens?: number;
  outputTokens?: number;
  cacheReadTokens?: number;
  cacheWriteTokens?: number;
}
/**
 * A session has come to rest; told twice after an error.
 */
export interface SessionIdleParams {
  directory: string;
  sessionId: string;
  parentId?: string;
}
/**
 * A user's turn has ended with an error, and the session has come to rest.
 */
export interface SessionErrorParams {
  directory: string;
  sessionId: string;
  messageId: string;
  agent: string;
  target: Target;
  isRoot: boolean;
  wentByUs: boolean;
  errorName?: string;
  errorMessage?: string;
  status?: number;
}
/**
 * Params of a method that needs none.
 */
export interface EmptyParams {}
/**
 * A note for the user, shown by every client of the host.
 */
export interface ToastShowParams {
  directory: string;
  message: string;
  variant: "error" | "info" | "success" | "warning";
  title?: string;
  durationS?: number;
}
/**
 * Do the last turn of a session again with another model; the same message, agent and variant.
 */
export interface SessionResumeParams {
  directory: string;
  sessionId: string;
  messageId: string;
  target: Target;
}
/**
 * Give up a request that is under way; it is answered with `REQUEST_CANCELLED`.
 */
export interface CancelRequestParams {
  id: number | string;
}
/**
 * `host.json` in the state directory: written by the sidecar, read by the shim before it has one.
 */
export interface HostFile {
  commands: {
    [k: string]: HostCommand;
  };
  texts: HostTexts;
  models?: {
    [k: string]: HostModel;
  };
}
/**
 * A slash command that the host should offer.
 */
export interface HostCommand {
  description: string;
}
/**
 * All that the shim ever says by itself.
 */
export interface HostTexts {
  down: string;
  notRouted: string;
  notPrepared: string;
  notUpdated: string;
  prepared: string;
  updated: string;
  installers: {
    [k: string]: string;
  };
  newerInstallers: {
    [k: string]: string;
  };
  router: string;
  problems: HostProblems;
}
/**
 * Every such way; the shim picks the one that it sees.
 */
export interface HostProblems {
  notFound: HostProblem;
  notStarted: HostProblem;
  starting: HostProblem;
  exited: HostProblem;
  noAnswer: HostProblem;
  otherProtocol: HostProblem;
  failed: HostProblem;
  preparing: HostProblem;
  noPython: HostProblem;
  oldPython: HostProblem;
  noVenv: HostProblem;
  noIndex: HostProblem;
  noPackages: HostProblem;
  notWritable: HostProblem;
  diskFull: HostProblem;
  notPrepared: HostProblem;
}
/**
 * One way in which there is no sidecar to ask. `{detail}` and `{command}` are replaced.
 */
export interface HostProblem {
  reason: string;
  cure: string;
}
/**
 * A virtual model, as the host's picker is to offer it; unknown is absent.
 */
export interface HostModel {
  name: string;
  npm: string;
  providerId: string;
  modelId: string;
  context?: number;
  output?: number;
  inputModalities?: string[];
  takesTools?: boolean;
  takesTemperature?: boolean;
  reasons?: boolean;
}

export const PROTOCOL_MAJOR = 1
export const VERSION = "0.1.0"
export const MAX_LINE_BYTES = 4194304
export const ROUTER = "limit-router"
export const ErrorCode = {
  PARSE_ERROR: -32700,
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMS: -32602,
  INTERNAL_ERROR: -32603,
  REQUEST_CANCELLED: -32800,
  PROTOCOL_MISMATCH: -32001,
  NOT_INITIALIZED: -32002,
  UNKNOWN_WORKSPACE: -32003,
  UNKNOWN_COMMAND: -32004,
  SHUTTING_DOWN: -32005,
} as const
