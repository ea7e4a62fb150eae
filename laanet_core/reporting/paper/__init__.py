"""The numbers published in the paper, and its tables with the results of our experiments next to them."""
