"""Who: tenants, people, keys, what they may do and what they did."""
