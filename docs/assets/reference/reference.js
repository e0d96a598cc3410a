// Show /openapi.json with Swagger UI. Calls go to the service that serves this page, whatever the document names.
"use strict";
(async () => {
  const address = new URL("../openapi.json", window.location.href);
  const response = await fetch(address);
  const spec = await response.json();
  spec.servers = [{ url: new URL(".", address).href.replace(/\/$/, "") }];
  window.SwaggerUIBundle({
    spec,
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
})();
