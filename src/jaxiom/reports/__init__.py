"""What a stranger reads: the report of `jaxiom verify` as one HTML page, and its tables on the terminal."""
