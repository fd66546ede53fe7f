import type { CatalogueFunction } from './function-catalogue.ts';
import { RpcError } from './rpc-error.ts';

/**
 * The function that a call with these argument names means, by PostgREST's rule: every name given is an argument, and
 * every argument without a default is given. Undefined when none fits; PGRST203 when several do.
 */
export function chooseFunction(
  overloads: CatalogueFunction[],
  argumentNames: string[],
): CatalogueFunction | undefined {
  const fitting = overloads.filter(
    (candidate) =>
      argumentNames.every((name) => candidate.arguments.some((argument) => argument.name === name)) &&
      candidate.arguments.every((argument) => !argument.required || argumentNames.includes(argument.name)),
  );
  if (fitting.length > 1) throw ambiguous(fitting);
  return fitting[0];
}

function ambiguous(candidates: CatalogueFunction[]): RpcError {
  const signatures = candidates.map(
    (candidate) =>
      `public.${candidate.name}(${candidate.arguments.map(({ name, type }) => `${name} => ${type}`).join(', ')})`,
  );
  return new RpcError({
    status: 300,
    code: 'PGRST203',
    message: `Could not choose the best candidate function between: ${signatures.join(', ')}`,
    hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
  });
}

/** No function of that name takes exactly these arguments. PostgREST's guess at what was meant (hint) is left out. */
export function functionNotFound(name: string, argumentNames: string[], method: string): RpcError {
  const names = argumentNames.toSorted().join(', ');
  const given = names === '' ? ' without parameters' : `(${names})`;
  const searched =
    names === '' ? ' without parameters' : ` with parameter${argumentNames.length > 1 ? 's' : ''} ${names}`;
  const unnamed = method === 'POST' ? ' or with a single unnamed json/jsonb parameter' : '';
  return new RpcError({
    status: 404,
    code: 'PGRST202',
    message: `Could not find the function public.${name}${given} in the schema cache`,
    details: `Searched for the function public.${name}${searched}${unnamed}, but no matches were found in the schema cache.`,
  });
}
