"""The recipe that trains intentd's adapters: see ../README.md."""
