"""What the results mean: percentiles, bounds, decomposition, comparison."""
