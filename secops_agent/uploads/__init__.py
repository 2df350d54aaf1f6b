"""Files that come in through a door: imported at once while they are small, else kept and imported as a job."""
