"""Who does the work: stages and the runners that carry them."""
