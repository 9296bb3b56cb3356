"""One table of rules per interpreter."""
