"""The page that shows the OpenAPI document: Swagger UI from BentoML's own files, and nothing of any other host.

BentoML's page loads a tag manager from a third party, and Swagger UI's usual layout asks a third party whether a
document is valid (BentoML 1.4.39).
"""

import base64
import hashlib

PAGE_ROUTE = "/"
HTML_MEDIA_TYPE = "text/html; charset=utf-8"
SCRIPT = """
window.onload = () => SwaggerUIBundle({
  url: "docs.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>archscale</title>
<link rel="stylesheet" href="static_content/swagger-ui.css">
<link rel="icon" type="image/png" sizes="32x32" href="static_content/favicon-light-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>{SCRIPT}</script>
</body>
</html>
""".encode()

_SCRIPT_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
# Swagger UI writes styles into its elements, and draws with images in its style sheet.
_POLICY = (
    f"default-src 'none'; script-src 'self' 'sha256-{_SCRIPT_DIGEST}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
)
