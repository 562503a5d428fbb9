"""Calls, sessions and webhooks in the staff admin."""

from calls.admin import calls, webhooks

__all__ = ["calls", "webhooks"]
