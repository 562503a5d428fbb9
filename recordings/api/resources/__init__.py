"""The `resources` dialect: /v1.0, snake_case, `tm_*` times with a sentinel, zero UUIDs, many ways to carry a key."""
