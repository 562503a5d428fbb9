"""Operators' commands about workspaces, members and keys."""
