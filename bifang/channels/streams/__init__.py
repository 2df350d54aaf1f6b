"""Long connections to a chat platform, whatever its wire: kept open, watched, replaced. No Django."""
