"""How frames and crops are stored."""
