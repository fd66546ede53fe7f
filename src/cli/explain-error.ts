import { DarkroomError, type FieldProblem } from '../client/darkroom-error.ts';
import { reasonOf } from './connection.ts';
import { CliError, EXIT, type ExitCode } from './exit-codes.ts';
import { describeFileError } from './file-error.ts';

/** Of a refusal with many bad fields. */
const MOST_FIELDS = 20;

export type Explanation = { exitCode: ExitCode; lines: string[] };

/** What went wrong and what to do next: a sentence, and a line for each bad field. Anything unforeseen is told whole. */
export function explainError(error: unknown, url: string): Explanation {
  if (error instanceof CliError) return { exitCode: error.exitCode, lines: [error.message] };
  if (error instanceof DarkroomError) return explainRefusal(error);
  // What fetch throws when nobody could be reached in time.
  if (error instanceof TypeError && (error.message === 'fetch failed' || error.message === 'terminated')) {
    const sentence = `The API at ${url} cannot be reached (${reasonOf(error)}): is it running, and is --url or DARKROOM_URL right?`;
    return { exitCode: EXIT.unreachable, lines: [sentence] };
  }
  const ofFile = describeFileError(error);
  if (ofFile !== null) return { exitCode: EXIT.failure, lines: [ofFile] };
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.failure, lines: told.split('\n') };
}

function explainRefusal(refusal: DarkroomError): Explanation {
  const { status, code, errors } = refusal;
  const detail = /[.!?]$/.test(refusal.message) ? refusal.message : `${refusal.message}.`;
  const ask = refusal.requestId === null ? '' : ` Ask its operator about request ${refusal.requestId}.`;
  switch (true) {
    case status === 401:
      return {
        exitCode: EXIT.unauthorized,
        lines: [`${detail} Set DARKROOM_API_KEY (dk_…) or DARKROOM_TOKEN to one that is valid now.`],
      };
    case status === 403:
      return { exitCode: EXIT.unauthorized, lines: [`${detail} Another DARKROOM_TOKEN may be needed.`] };
    case status === 429:
      return { exitCode: EXIT.unreachable, lines: [`${detail} Try again later.`] };
    case [502, 503, 504].includes(status):
      return { exitCode: EXIT.unreachable, lines: [`The API has trouble: ${detail} Try again later.`] };
    case status >= 500:
      return { exitCode: EXIT.failure, lines: [`The API failed: ${detail}${ask}`] };
    case code === 'unknown':
      return {
        exitCode: EXIT.failure,
        lines: [`Whoever answered (HTTP ${status}) is no Darkroom: is --url or DARKROOM_URL right?`],
      };
    case status === 404 || status === 410:
      return { exitCode: EXIT.failure, lines: [detail] };
    default:
      return {
        exitCode: EXIT.usage,
        lines: errors.length > 0 ? ['Nothing was accepted:', ...describeFields(errors)] : [detail],
      };
  }
}

/** `prompt: is empty`. A line of a batch is told as it is. */
function describeFields(errors: FieldProblem[]): string[] {
  const shown = errors
    .slice(0, MOST_FIELDS)
    .map(({ pointer, detail }) => `  ${pointer.replace(/^\//, '') || 'the request'}: ${detail}`);
  return errors.length > MOST_FIELDS ? [...shown, `  … and ${errors.length - MOST_FIELDS} more`] : shown;
}
