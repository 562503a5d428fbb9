"""The `sessions` dialect: /api/v1/sessions, commands answered with 202, and flat webhooks."""
