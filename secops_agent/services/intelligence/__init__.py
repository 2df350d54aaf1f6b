"""What lists of indicators say: their values, and what of ours they name."""
