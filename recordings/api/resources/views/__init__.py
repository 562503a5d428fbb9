"""The addresses of `resources`: one module per noun, over what all lists have in common in `listing`."""
