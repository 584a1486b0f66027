"""The engine of all condensers: data are read, a door to them is opened, a set is solved for and shown."""
