"""What Acme adds to Bifang."""
