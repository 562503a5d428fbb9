"""The Celery app and its beat table."""

import os

from celery import Celery

from project import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

SWEEP_SECONDS = 5.0

broker.install()
app = Celery("tapedeck")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()  # threads that publish must not fall back to a default app on localhost amqp
app.autodiscover_tasks()
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_publish_retry=False,
    task_time_limit=1500,  # below every broker's visibility time-out
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    beat_schedule={
        "reconcile": {
            "task": "recordings.tasks.reconcile",
            "schedule": SWEEP_SECONDS,
            "options": {
                "expires": SWEEP_SECONDS,
                # beat keeps one connection for ever and renews it only where it may retry: without this a broker
                # that was away once is never told anything by beat again.
                "retry": True,
                "retry_policy": {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
            },
        },
    },
)
