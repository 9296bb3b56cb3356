"""Claims as data: two functions, their shapes, and the verdict that they ought to get."""
