"""Training: samples, augmentation, the loop, resume and evaluation."""
