import { fileURLToPath } from 'node:url';

/** Looked up, never loaded: importing the package would run all of Swagger UI in this process. */
const swaggerUi = (name: string) => fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`));
const own = (name: string) => fileURLToPath(new URL(`./docs/${name}`, import.meta.url));

export const DOCS_PAGE = own('page.html');

/** The files that the page at `/docs/` needs, and no others of the package (source maps, its demo). */
export const DOCS_FILES: Readonly<Record<string, string>> = {
  'initializer.js': own('initializer.js'),
  'swagger-ui-bundle.js': swaggerUi('swagger-ui-bundle.js'),
  'swagger-ui.css': swaggerUi('swagger-ui.css'),
  'favicon-32x32.png': swaggerUi('favicon-32x32.png'),
};
