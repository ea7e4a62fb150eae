"""Explanations of a network's output: its heat map and Grad-CAM over face crops (paper, Figs. 5 and 6)."""
