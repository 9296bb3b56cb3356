"""The mathematics: polynomials over Presburger sets, in index notation. Nothing here imports JAX."""
