"""From video files to faces: decoding, frames, face crops, landmarks and their storage."""
