"""What the network sees: its heat map and Grad-CAM (paper, Figs. 5 and 6), over faces."""
