"""The Celery app: the default for every thread, safe to lose, and what beat sends."""

import threading

from celery import current_app

from calls import hints
from project.celery import SWEEP_SECONDS, app


def test_it_is_the_default_app_of_every_thread():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(current_app._get_current_object()))
    thread.start()
    thread.join()
    assert seen == [app]
    assert current_app._get_current_object() is app


def test_a_task_that_is_lost_comes_again_and_none_is_waited_for():
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_ignore_result
    assert conf.task_publish_retry is False
    assert conf.result_backend is None
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_time_limit < 1800  # RabbitMQ's consumer time-out, and below Redis' visibility time-out


def test_beat_sends_the_sweep_and_nothing_that_is_out_of_date():
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] <= entry["schedule"]
    sweep = app.conf.beat_schedule["reconcile"]
    assert (sweep["task"], sweep["schedule"]) == ("recordings.tasks.reconcile", SWEEP_SECONDS)


def test_every_task_of_the_product_is_known_by_the_name_it_is_hinted_by():
    app.loader.import_default_modules()
    names = {name for name in app.tasks if name.startswith(("recordings.", "calls."))}
    assert {f"recordings.tasks.{name}" for name in ("begin", "halt", "finish", "assemble", "reconcile")} <= names
    assert "calls.tasks.deliver" in names


def test_a_hint_travels_by_the_broker_of_the_settings(settings, monkeypatch):
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **options: sent.append((task, args, options)))
    publisher = hints.Publisher()
    publisher.put("recordings.tasks.finish", "an-id")
    assert publisher.flush(5)
    [(task, args, options)] = sent
    assert (task, args) == ("recordings.tasks.finish", ["an-id"])
    assert options["retry"] is False
    assert app.conf.broker_url == settings.CELERY_BROKER_URL
