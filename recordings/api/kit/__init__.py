"""What the dialects share: the base view, keys, errors on their way to a reply, reading parameters, following."""
