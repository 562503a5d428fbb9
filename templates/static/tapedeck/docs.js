// Shows the schema that the page names. Keys that are typed in stay in the page, and go when it is left.
"use strict";

SwaggerUIBundle({
  url: document.getElementById("schema").dataset.url,
  dom_id: "#schema",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null, // nothing is sent to another origin
  withCredentials: false,
});
