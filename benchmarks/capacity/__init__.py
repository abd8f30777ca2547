"""How many machines a catalogue needs: arithmetic over what the benchmarks recorded."""
