import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const FOLDER = 'deploy/kubernetes';

/** A Kubernetes object as it stands in a file. */
export type Manifest = {
  file: string;
  apiVersion: string;
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: what may be in it is what the schemas say.
  object: any;
};

/** All objects of deploy/kubernetes, but not the list of files, which is no object of a cluster. */
export function readManifests(): Manifest[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .flatMap((file) => readDocuments(file).map((object) => ({ ...object, file, object })));
}

export function readDocuments(file: string) {
  return parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problem;
    return document.toJS();
  });
}

/** Where the schema of an object is: the package and path that is named after its API. */
export function schemaOf({ apiVersion }: Manifest): string {
  const isKeda = apiVersion.startsWith('keda.sh/');
  return `${isKeda ? '@kubernetes-models/keda' : 'kubernetes-models'}/${apiVersion}`;
}
