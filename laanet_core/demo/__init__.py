"""The embedded demo data set: clips of real people out of pinned packages, and face swaps made from them."""
