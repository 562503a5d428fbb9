"""Recordings in the staff admin: the list, the page of one, its player, and what may be done to it."""

from recordings.admin import recordings

__all__ = ["recordings"]
