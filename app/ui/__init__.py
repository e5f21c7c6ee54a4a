"""The window. The only place in the program that imports Qt."""
