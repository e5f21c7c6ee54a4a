"""GLSMamba Studio: the desktop program for annotating human pose in video."""
