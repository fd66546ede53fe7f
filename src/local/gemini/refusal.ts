/** Google's error JSON: `{"error": {code, message, status, details}}`; `details` is left out when there are none. */
export type ErrorBody = { error: { code: number; message: string; status: string; details?: unknown[] } };

/** Builds Google's error JSON. */
export function errorBody(code: number, status: string, message: string, details?: unknown[]): ErrorBody {
  return { error: { code, message, status, ...(details && { details }) } };
}

/** A request that the simulator refuses; `body` is what goes to the client, its `code` is the HTTP status. */
export class Refusal extends Error {
  readonly body: ErrorBody;

  constructor(body: ErrorBody) {
    super(body.error.message);
    this.name = 'Refusal';
    this.body = body;
  }
}

/** 400 INVALID_ARGUMENT, Gemini's answer to every kind of wrong request. */
export function invalidArgument(message: string, details?: unknown[]): Refusal {
  return new Refusal(errorBody(400, 'INVALID_ARGUMENT', message, details));
}

/** A mistake in how the simulator itself is driven: worded so that nobody takes it for Gemini's own answer. */
export function misuse(message: string): Refusal {
  return invalidArgument(`Gemini simulator: ${message}`);
}

/** Gemini answers a wrong key with 400, not 401; only `details[].reason` tells it from other bad requests. */
export function invalidKey(): Refusal {
  return invalidArgument('API key not valid. Please pass a valid API key.', [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
      domain: 'googleapis.com',
      metadata: { service: 'generativelanguage.googleapis.com' },
    },
  ]);
}

/** 404 NOT_FOUND for a model that is unknown, retired or not served by this API version. */
export function modelNotFound(model: string, version: string): Refusal {
  const message =
    `models/${model} is not found for API version ${version}, or is not supported for generateContent. ` +
    'Call ListModels to see the list of available models and their supported methods.';
  return new Refusal(errorBody(404, 'NOT_FOUND', message));
}
