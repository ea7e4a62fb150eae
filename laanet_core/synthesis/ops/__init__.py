"""Operations on batches of images, implemented with OpenCV and with tensors."""
