"""The `flat` dialect: /api/recordings, camelCase, bare arrays, the key in x-api-key."""
