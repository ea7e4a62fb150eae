"""The work folder: what is finished of each step, made side by side, kept, checked and bounded."""
