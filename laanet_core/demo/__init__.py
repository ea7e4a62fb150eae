"""The embedded demo data set: clips of real people from pinned packages, and face swaps made from them."""
