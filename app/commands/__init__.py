"""What the command line does, a function a command. None of them needs a screen."""
