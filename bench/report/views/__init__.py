"""Content as the templates want it, section by section: rows of text, nothing left to compute."""
