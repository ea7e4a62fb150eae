"""From video files to faces: frames, crops, landmarks, shards."""
