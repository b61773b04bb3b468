"""Trains the tiny model on pictures it draws itself. `make train-engine` runs it; the engine does not need it."""
