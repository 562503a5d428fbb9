"""What `resources` reads and writes: one module per noun, and what all of them share in `values`."""
