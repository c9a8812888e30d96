"""What the terminal offers: one module for each group of commands, registered on one app."""
