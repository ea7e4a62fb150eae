"""Operations on batches of images, with OpenCV and as tensors."""
