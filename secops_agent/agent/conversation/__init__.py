"""What a conversation remembers and leaves behind."""
