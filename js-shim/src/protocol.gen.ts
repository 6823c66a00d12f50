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
  "request/finished": {
    params: RequestFinishedParams;
  };
  "session/idle": {
    params: SessionIdleParams;
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
  npm?: string;
  limits?: CatalogueLimits;
  inputModalities?: string[];
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
}
/**
 * All that crosses of a request's body.
 */
export interface BodyShape {
  sizeBytes: number;
  hasImages: boolean;
  hasTools: boolean;
  stream: boolean;
}
/**
 * What to do with the request. A shim treats a `kind` that it does not know as `pass`.
 */
export interface RequestPlanResult {
  plan: PassPlan;
}
/**
 * Send the request as it is, to the provider that the user chose.
 */
export interface PassPlan {
  kind: "pass";
}
/**
 * A request that left for a model has its response's head, or failed without one.
 */
export interface RequestFinishedParams {
  requestId: string;
  directory: string;
  sessionId: string;
  target: Target;
  headers: {
    [k: string]: string;
  };
  ttfbS: number;
  status?: number;
  aborted?: boolean;
  origin?: string;
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
}
/**
 * One way in which there is no sidecar to ask. `{detail}` in either text is replaced.
 */
export interface HostProblem {
  reason: string;
  cure: string;
}

export const PROTOCOL_MAJOR = 1
export const MAX_LINE_BYTES = 4194304
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
