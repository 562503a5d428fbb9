"""What happened: calls, sessions and their commands, events and webhooks."""
