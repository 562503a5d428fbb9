"""Signals by which this app tells those above it; ARCHITECTURE.md lists every one."""

from django.dispatch import Signal

call_ended = Signal()
"""A call was hung up. Sent inside the transaction that wrote it, with `call` (calls.models.Call) and `actor`."""

conference_ended = Signal()
"""A conference was terminated. Sent inside the transaction that wrote it, with `conference` and `actor`."""
