"""What a worker's loop does beside the chat."""
