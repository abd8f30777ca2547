"""What keeps a catalogue true: repair, pruning, sales, updates."""
