"""What was kept: the recordings, their audio, and everything that reads or removes it."""
