"""`downloads`: the MP3 of a call, by the call's integer id."""
