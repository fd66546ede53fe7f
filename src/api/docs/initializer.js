// A file, not a script in the page: the page's policy forbids those.
globalThis.SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: '../openapi.json',
  deepLinking: true,
  // By default it sends the document's address to a validator on the internet.
  validatorUrl: null,
});
