"""The figures the paper publishes, and the tables that put the figures of experiments beside them."""
