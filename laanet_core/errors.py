"""The one exception this project raises on purpose."""


class LaanetError(Exception):
    """Something the user can mend: one sentence with the file or key, the value found, and the remedy."""
