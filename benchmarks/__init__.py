"""The top floor: the demo, the doctor, and what measures thatlook as its users would."""
