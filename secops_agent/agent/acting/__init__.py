"""What people's own words, taps and files carry out, before any model is asked."""
