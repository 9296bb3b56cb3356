"""The commands of the shell that `cli.py` only joins. What is heavy is imported inside them."""
