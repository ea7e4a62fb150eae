"""What LAA-Net learns from a blending mask (Eq. 2 to 4)."""
