"""What learned codecs are measured against: conventional codecs, and results published elsewhere."""
