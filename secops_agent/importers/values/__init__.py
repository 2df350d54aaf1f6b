"""What the fields of any format mean: times, levels, addresses, packages, assets, indicators, alerts."""
