"""The composition root: settings, URLs, the Celery app; no behaviour of its own."""
