"""Sound as arrays and bytes: pure functions that know no framework, network or database."""
