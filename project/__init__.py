"""The composition root: settings, URLs, the Celery app; no behaviour of its own."""

from project.celery import app as celery_app

__all__ = ["celery_app"]
