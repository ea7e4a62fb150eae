"""From files to frames: videos, pictures and folders of pictures."""
